#include "board.h"

#include <stdio.h>
#include <stdlib.h>

#include "wk/wk_classifier.h"
#include "wk_adxl345_pace.h"
#include "wk_adxl345_wires.h"

extern const wk_classifier_t wk_device_model;

static wk_adxl345_model_t model;
static wk_adxl345_wires_t wires;
static wk_adxl345_pace_t pace;
static uint64_t now_us;

static bool next_sample(void *context, int16_t out_counts[3])
{
    uint8_t bytes[6];
    int axis;

    (void)context;
    if (fread(bytes, 1, sizeof bytes, stdin) != sizeof bytes) {
        return false;
    }
    for (axis = 0; axis < 3; axis++) {
        out_counts[axis] = (int16_t)(uint16_t)(bytes[2 * axis] | bytes[2 * axis + 1] << 8);
    }
    return true;
}

void sdk_begin(void)
{
    wk_adxl345_model_reset(&model);
    wires.model = &model;
    wires.bus_hz = WK_ADXL345_I2C_HZ_MAX;
    wk_adxl345_pace_begin(&pace, &model, next_sample, NULL);
    pace.source_mhz = wk_device_model.rate_mhz;
}

uint64_t sdk_now_us(void)
{
    return now_us;
}

void sdk_pass_us(uint32_t us)
{
    now_us += us;
    wk_adxl345_pace_until(&pace, now_us);
    if (pace.ended) {
        exit(0);
    }
}

int sdk_i2c(uint8_t address, const uint8_t *out_bytes, uint8_t out_len, uint8_t *in_bytes,
            uint8_t in_len)
{
    return wk_adxl345_wires_i2c(&wires, address, out_bytes, out_len, in_bytes, in_len);
}

size_t sdk_send(const uint8_t *bytes, size_t bytes_len)
{
    return fwrite(bytes, 1, bytes_len, stdout);
}
