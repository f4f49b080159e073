#include "wk/wk_adxl345.h"

#include "wk/wk_counts.h"

#define REG_DEVID 0x00
#define REG_OFSX 0x1E
#define REG_OFSY 0x1F
#define REG_OFSZ 0x20
#define REG_BW_RATE 0x2C
#define REG_POWER_CTL 0x2D
#define REG_INT_ENABLE 0x2E
#define REG_DATA_FORMAT 0x31
#define REG_DATAX0 0x32
#define REG_FIFO_CTL 0x38

#define DEVID 0xE5
#define FIFO_DEPTH 32
#define FIFO_STREAM 0x80 /* stream: the newest 32 are kept; the watermark is in the lowest bits */
#define WATERMARK_MAX (FIFO_DEPTH / 2)
#define SLOWEST_CODE 0x06 /* WK_ADXL345_RATE_MIN_MHZ; each next code is twice as fast */
#define FASTEST_CODE 0x0D
#define BATCHES_A_SECOND 5u
#define STALL_PERIODS 10u

typedef struct {
    uint8_t reg;
    uint8_t value;
} setting_t;

/* In this order: the data sheet asks for standby while settings change, and a pass through bypass
 * empties the FIFO. Offsets are cleared because a part that kept its power kept them too. */
static const setting_t setup[] WK_FLASH = {
    {REG_POWER_CTL, 0x00},   /* standby */
    {REG_INT_ENABLE, 0x00},  /* polled: no interrupt lines needed */
    {REG_OFSX, 0x00},        {REG_OFSY, 0x00}, {REG_OFSZ, 0x00},
    {REG_BW_RATE, 0x00},     /* sensor->bw_rate */
    {REG_DATA_FORMAT, 0x08}, /* FULL_RES, right-justified, +-2 g */
    {REG_FIFO_CTL, 0x00},    /* bypass */
    {REG_FIFO_CTL, FIFO_STREAM}, /* sensor->fifo_ctl */
    {REG_POWER_CTL, 0x08},   /* measure */
};

static wk_adxl345_status_t read_bytes(const wk_adxl345_t *sensor, uint8_t reg, uint8_t *out_bytes,
                                      uint8_t bytes_len)
{
    const wk_bus_t *bus = sensor->bus;

    return bus->read(bus->context, reg, out_bytes, bytes_len) == 0 ? WK_ADXL345_OK
                                                                   : WK_ADXL345_ERR_NO_ANSWER;
}

wk_adxl345_status_t wk_adxl345_check_id(wk_adxl345_t *sensor)
{
    sensor->fault.reg = REG_DEVID;
    sensor->fault.expected = DEVID;
    if (read_bytes(sensor, REG_DEVID, &sensor->fault.got, 1) != WK_ADXL345_OK) {
        return WK_ADXL345_ERR_NO_ANSWER;
    }
    return sensor->fault.got == DEVID ? WK_ADXL345_OK : WK_ADXL345_ERR_ID;
}

wk_adxl345_status_t wk_adxl345_set(wk_adxl345_t *sensor, uint8_t reg, uint8_t value)
{
    const wk_bus_t *bus = sensor->bus;

    sensor->fault.reg = reg;
    sensor->fault.expected = value;
    if (bus->write(bus->context, reg, value) != 0 ||
        read_bytes(sensor, reg, &sensor->fault.got, 1) != WK_ADXL345_OK) {
        return WK_ADXL345_ERR_NO_ANSWER;
    }
    return sensor->fault.got == value ? WK_ADXL345_OK : WK_ADXL345_ERR_READ_BACK;
}

bool wk_adxl345_rate_code(uint32_t rate_mhz, uint8_t *out_code)
{
    uint8_t code;

    for (code = SLOWEST_CODE; code <= FASTEST_CODE; code++) {
        if (rate_mhz == (uint32_t)WK_ADXL345_RATE_MIN_MHZ << (code - SLOWEST_CODE)) {
            *out_code = code;
            return true;
        }
    }
    return false;
}

uint8_t wk_adxl345_batch(uint32_t rate_mhz, uint8_t most)
{
    const uint32_t samples = rate_mhz / (1000u * BATCHES_A_SECOND);

    if (samples == 0) {
        return 1;
    }
    return samples < most ? (uint8_t)samples : most;
}

static uint32_t stall_us(uint32_t rate_mhz)
{
    const uint32_t us = STALL_PERIODS * (1000000000u / rate_mhz);

    return us > WK_ADXL345_STALL_US ? us : WK_ADXL345_STALL_US;
}

static uint8_t setting_value(const wk_adxl345_t *sensor, uint8_t step)
{
    const uint8_t reg = WK_FLASH_U8(&setup[step].reg);
    const uint8_t value = WK_FLASH_U8(&setup[step].value);

    if (reg == REG_BW_RATE) {
        return sensor->bw_rate;
    }
    return reg == REG_FIFO_CTL && value == FIFO_STREAM ? sensor->fifo_ctl : value;
}

wk_adxl345_status_t wk_adxl345_begin(wk_adxl345_t *out_sensor, const wk_bus_t *bus,
                                     uint32_t rate_mhz, uint32_t now_us)
{
    wk_adxl345_status_t status;
    uint8_t step;

    out_sensor->bus = bus;
    if (!wk_adxl345_rate_code(rate_mhz, &out_sensor->bw_rate)) {
        return WK_ADXL345_ERR_RATE;
    }
    out_sensor->fifo_ctl = (uint8_t)(FIFO_STREAM | wk_adxl345_batch(rate_mhz, WATERMARK_MAX));
    out_sensor->stall_us = stall_us(rate_mhz);
    out_sensor->next_index = 0;
    out_sensor->last_us = now_us;
    out_sensor->discard = true;
    out_sensor->fault.got = 0;
    status = wk_adxl345_check_id(out_sensor);
    for (step = 0; status == WK_ADXL345_OK && step < sizeof setup / sizeof setup[0]; step++) {
        status = wk_adxl345_set(out_sensor, WK_FLASH_U8(&setup[step].reg),
                                setting_value(out_sensor, step));
    }
    return status;
}

/* FIFO_CTL and FIFO_STATUS in one burst: the first is an echo of what was set, so that a part that
 * fell back to its reset state, or a disturbed bus, is noticed before a sample is believed. */
static wk_adxl345_status_t entries_waiting(wk_adxl345_t *sensor, uint8_t *out_entries)
{
    uint8_t bytes[2];

    if (read_bytes(sensor, REG_FIFO_CTL, bytes, sizeof bytes) != WK_ADXL345_OK) {
        return WK_ADXL345_ERR_NO_ANSWER;
    }
    if (bytes[0] != sensor->fifo_ctl) {
        sensor->fault.reg = REG_FIFO_CTL;
        sensor->fault.expected = sensor->fifo_ctl;
        sensor->fault.got = bytes[0];
        return WK_ADXL345_ERR_SETTINGS;
    }
    *out_entries = bytes[1];
    if (*out_entries > FIFO_DEPTH) { /* bit 6 is always 0, bit 7 is for the trigger mode only */
        return WK_ADXL345_ERR_GLITCH;
    }
    return *out_entries == FIFO_DEPTH ? WK_ADXL345_ERR_OVERRUN : WK_ADXL345_OK;
}

/* False when a count lies outside the rails: at +-2 g bits 15 to 9 are copies of the sign. */
static bool decode(const uint8_t bytes[6], int16_t out_counts[3])
{
    bool possible = true;
    uint8_t axis;

    for (axis = 0; axis < 3; axis++) {
        const int16_t count = wk_count_from_bytes(bytes[2 * axis], bytes[2 * axis + 1]);

        possible = possible && count >= WK_COUNT_MIN && count <= WK_COUNT_MAX;
        out_counts[axis] = count;
    }
    return possible;
}

wk_adxl345_status_t wk_adxl345_next(wk_adxl345_t *sensor, uint32_t now_us, wk_sample_t *out_sample)
{
    const uint32_t elapsed_us = now_us - sensor->last_us;
    int16_t counts[3];
    uint8_t bytes[6];
    uint8_t waiting = 0;
    uint8_t axis;
    const wk_adxl345_status_t status = entries_waiting(sensor, &waiting);

    if (status != WK_ADXL345_OK) {
        return status;
    }
    if (waiting == 0) {
        return elapsed_us > sensor->stall_us ? WK_ADXL345_ERR_STALLED : WK_ADXL345_EMPTY;
    }
    /* Any read of a data register pops the whole entry: always all six bytes at once. */
    if (read_bytes(sensor, REG_DATAX0, bytes, sizeof bytes) != WK_ADXL345_OK) {
        return WK_ADXL345_ERR_NO_ANSWER;
    }
    if (!decode(bytes, counts)) {
        return WK_ADXL345_ERR_GLITCH;
    }
    sensor->last_us += elapsed_us / waiting;
    if (sensor->discard) {
        sensor->discard = false;
        return WK_ADXL345_EMPTY;
    }
    out_sample->index = sensor->next_index++;
    out_sample->t_us = sensor->last_us;
    for (axis = 0; axis < 3; axis++) {
        out_sample->counts[axis] = counts[axis];
    }
    return WK_ADXL345_OK;
}

wk_adxl345_status_t wk_adxl345_registers(const wk_adxl345_t *sensor, uint8_t out_values[4])
{
    static const uint8_t regs[4] WK_FLASH = {REG_DEVID, REG_BW_RATE, REG_DATA_FORMAT, REG_FIFO_CTL};
    uint8_t i;

    for (i = 0; i < 4; i++) {
        if (read_bytes(sensor, WK_FLASH_U8(&regs[i]), &out_values[i], 1) != WK_ADXL345_OK) {
            return WK_ADXL345_ERR_NO_ANSWER;
        }
    }
    return WK_ADXL345_OK;
}
