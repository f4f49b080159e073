#include "wk_adxl345_wires.h"

#define SPI_READ 0x80
#define SPI_MULTIPLE 0x40
#define SPI_REGISTER 0x3F
#define I2C_CLOCKS 9u /* eight bits and the acknowledgement */
#define SPI_CLOCKS 8u

static void pass(wk_adxl345_wires_t *wires, uint64_t ns)
{
    wires->busy_ns += ns;
    if (wires->model->timed) {
        wires->model->now_ns += ns;
    }
}

static void clock_bytes(wk_adxl345_wires_t *wires, uint32_t clocks, uint32_t bytes_len)
{
    if (wires->bus_hz != 0) {
        pass(wires, (uint64_t)clocks * bytes_len * 1000000000u / wires->bus_hz);
    }
}

static bool acknowledged(wk_adxl345_model_t *model, uint8_t address)
{
    if (model->refuse > 0) {
        model->refuse--;
        return false;
    }
    return !model->absent && address == model->address;
}

int wk_adxl345_wires_i2c(void *context, uint8_t address, const uint8_t *out_bytes, uint8_t out_len,
                         uint8_t *in_bytes, uint8_t in_len)
{
    wk_adxl345_wires_t *wires = context;
    wk_adxl345_model_t *model = wires->model;
    uint8_t i;

    clock_bytes(wires, I2C_CLOCKS, 1u + out_len + (in_len > 0 ? 1u : 0u)); /* addresses too */
    if (!acknowledged(model, address) || out_len == 0 || (model->mute && in_len > 0)) {
        return 1;
    }
    for (i = 1; i < out_len; i++) {
        wk_adxl345_model_write(model, (uint8_t)(out_bytes[0] + i - 1), out_bytes[i]);
    }
    if (in_len == 0) {
        return 0;
    }
    wk_adxl345_model_read_begin(model, out_bytes[0]);
    for (i = 0; i < in_len; i++) {
        in_bytes[i] = wk_adxl345_model_read_byte(model);
    }
    clock_bytes(wires, I2C_CLOCKS, in_len);
    wk_adxl345_model_read_end(model);
    return 0;
}

/* Without the multiple-byte bit the register address does not move on. */
static void spi_read(wk_adxl345_model_t *model, uint8_t *bytes, uint8_t bytes_len, bool multiple)
{
    const uint8_t reg = bytes[0] & SPI_REGISTER;
    uint8_t i;

    wk_adxl345_model_read_begin(model, reg);
    for (i = 1; i < bytes_len; i++) {
        if (!multiple) {
            model->read_len = 0;
        }
        bytes[i] = wk_adxl345_model_read_byte(model);
    }
}

int wk_adxl345_wires_spi(void *context, uint8_t *bytes, uint8_t bytes_len)
{
    wk_adxl345_wires_t *wires = context;
    wk_adxl345_model_t *model = wires->model;
    const bool multiple = (bytes[0] & SPI_MULTIPLE) != 0;
    const bool deaf = model->absent || model->refuse > 0 || model->mute;
    uint8_t i;

    if (model->refuse > 0) {
        model->refuse--;
    }
    if ((bytes[0] & SPI_READ) == 0) {
        clock_bytes(wires, SPI_CLOCKS, bytes_len);
        for (i = 1; i < bytes_len && !model->absent; i++) {
            wk_adxl345_model_write(
                model, (uint8_t)((bytes[0] & SPI_REGISTER) + (multiple ? i - 1 : 0)), bytes[i]);
        }
        return 0;
    }
    clock_bytes(wires, SPI_CLOCKS, 1);
    if (!deaf) {
        spi_read(model, bytes, bytes_len, multiple);
    }
    for (i = 0; i < bytes_len && (deaf || i == 0); i++) {
        bytes[i] = 0xFF; /* nobody drives the line while the command goes out */
    }
    clock_bytes(wires, SPI_CLOCKS, (uint32_t)bytes_len - 1);
    if (!deaf) {
        wk_adxl345_model_read_end(model);
    }
    return 0;
}

void wk_adxl345_wires_wait(void *context, uint32_t us)
{
    pass(context, (uint64_t)us * 1000u);
}
