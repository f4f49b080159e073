#include "wk/wk_adxl345.h"

#include "wk/wk_counts.h"

#define REG_BW_RATE 0x2C
#define REG_POWER_CTL 0x2D
#define REG_INT_ENABLE 0x2E
#define REG_INT_SOURCE 0x30
#define REG_DATA_FORMAT 0x31
#define REG_DATAX0 0x32
#define REG_OFSX 0x1E
#define REG_FIFO_CTL 0x38

#define DATA_READY 0x80
#define STANDBY 0x00
#define MEASURE 0x08
#define RATE_100_HZ 0x0A
#define FULL_RES_16_G 0x0B
#define SELF_TEST 0x80

#define SETTLE 4      /* conversions until the output has followed */
#define AVERAGE 12    /* 0.12 s: the data sheet asks for 0.1 s */
#define WAIT_US 50000u
#define STILL 64      /* 1/4 g between the largest and the smallest: somebody moved it */
#define RAIL 4096     /* +-16 g */

/* Table 1's smallest changes at 2.5 V in 1/256 g, scaled by Table 14 for the other supplies. */
static const int16_t least_change[4][3] WK_FLASH = {
    {32, -32, 60},   /* 2.0 V: x 0.64, x 0.80 */
    {50, -50, 75},   /* 2.5 V */
    {88, -88, 110},  /* 3.3 V: x 1.77, x 1.47 */
    {105, -105, 126} /* 3.6 V: x 2.11, x 1.69 */
};

typedef struct {
    int32_t sum[3];
    int16_t low[3];
    int16_t high[3];
} average_t;

static wk_adxl345_status_t set_up(wk_adxl345_t *sensor)
{
    static const uint8_t settings[][2] WK_FLASH = {
        {REG_POWER_CTL, STANDBY},   {REG_INT_ENABLE, 0x00}, {REG_OFSX, 0x00},
        {REG_OFSX + 1, 0x00},       {REG_OFSX + 2, 0x00},   {REG_BW_RATE, RATE_100_HZ},
        {REG_DATA_FORMAT, FULL_RES_16_G}, {REG_FIFO_CTL, 0x00},   {REG_POWER_CTL, MEASURE},
    };
    wk_adxl345_status_t status = wk_adxl345_check_id(sensor);
    uint8_t step;

    for (step = 0; status == WK_ADXL345_OK && step < sizeof settings / sizeof settings[0]; step++) {
        status = wk_adxl345_set(sensor, WK_FLASH_U8(&settings[step][0]),
                                WK_FLASH_U8(&settings[step][1]));
    }
    return status;
}

static wk_adxl345_status_t wait_for_data(const wk_adxl345_t *sensor, const wk_clock_t *clock)
{
    const uint32_t start_us = clock->now_us(clock->context);
    uint8_t source = 0;

    do {
        if (sensor->bus->read(sensor->bus->context, REG_INT_SOURCE, &source, 1) != 0) {
            return WK_ADXL345_ERR_NO_ANSWER;
        }
    } while ((source & DATA_READY) == 0 && clock->now_us(clock->context) - start_us < WAIT_US);
    return (source & DATA_READY) != 0 ? WK_ADXL345_OK : WK_ADXL345_ERR_STALLED;
}

static wk_adxl345_status_t read_counts(const wk_adxl345_t *sensor, const wk_clock_t *clock,
                                       int16_t out_counts[3])
{
    uint8_t bytes[6];
    uint8_t axis;
    const wk_adxl345_status_t status = wait_for_data(sensor, clock);

    if (status != WK_ADXL345_OK) {
        return status;
    }
    if (sensor->bus->read(sensor->bus->context, REG_DATAX0, bytes, sizeof bytes) != 0) {
        return WK_ADXL345_ERR_NO_ANSWER;
    }
    for (axis = 0; axis < 3; axis++) {
        out_counts[axis] = wk_count_from_bytes(bytes[2 * axis], bytes[2 * axis + 1]);
        if (out_counts[axis] < -RAIL || out_counts[axis] >= RAIL) {
            return WK_ADXL345_ERR_GLITCH;
        }
    }
    return WK_ADXL345_OK;
}

static void add(average_t *average, const int16_t counts[3], bool first)
{
    uint8_t axis;

    for (axis = 0; axis < 3; axis++) {
        average->sum[axis] = (first ? 0 : average->sum[axis]) + counts[axis];
        if (first || counts[axis] < average->low[axis]) {
            average->low[axis] = counts[axis];
        }
        if (first || counts[axis] > average->high[axis]) {
            average->high[axis] = counts[axis];
        }
    }
}

static wk_adxl345_status_t take_average(const wk_adxl345_t *sensor, const wk_clock_t *clock,
                                        average_t *out_average)
{
    uint8_t i;
    int16_t counts[3];

    for (i = 0; i < SETTLE + AVERAGE; i++) {
        const wk_adxl345_status_t status = read_counts(sensor, clock, counts);

        if (status != WK_ADXL345_OK) {
            return status;
        }
        if (i >= SETTLE) {
            add(out_average, counts, i == SETTLE);
        }
    }
    for (i = 0; i < 3; i++) {
        if (out_average->high[i] - out_average->low[i] > STILL) {
            return WK_ADXL345_ERR_MOVED;
        }
    }
    return WK_ADXL345_OK;
}

static wk_adxl345_status_t judge(wk_adxl345_t *sensor, wk_adxl345_supply_t supply,
                                 const average_t *off, const average_t *on, int16_t out_change[3])
{
    wk_adxl345_status_t status = WK_ADXL345_OK;
    uint8_t axis;

    for (axis = 0; axis < 3; axis++) {
        const int16_t least = WK_FLASH_I16(&least_change[supply][axis]);
        const int16_t change = (int16_t)((on->sum[axis] - off->sum[axis]) / AVERAGE);

        out_change[axis] = change;
        if ((least > 0 ? change < least : change > least) && status == WK_ADXL345_OK) {
            sensor->fault.reg = axis;
            status = WK_ADXL345_ERR_SELF_TEST;
        }
    }
    return status;
}

wk_adxl345_status_t wk_adxl345_self_test(wk_adxl345_t *out_sensor, const wk_bus_t *bus,
                                         const wk_clock_t *clock, wk_adxl345_supply_t supply,
                                         int16_t out_change[3])
{
    average_t off;
    average_t on;
    wk_adxl345_status_t status;
    wk_adxl345_status_t end;

    out_sensor->bus = bus;
    out_sensor->fault.got = 0;
    status = set_up(out_sensor);
    if (status == WK_ADXL345_OK) {
        status = take_average(out_sensor, clock, &off);
    }
    if (status == WK_ADXL345_OK) {
        status = wk_adxl345_set(out_sensor, REG_DATA_FORMAT, FULL_RES_16_G | SELF_TEST);
    }
    if (status == WK_ADXL345_OK) {
        status = take_average(out_sensor, clock, &on);
    }
    if (status == WK_ADXL345_OK) {
        status = judge(out_sensor, supply, &off, &on, out_change);
    }
    if (status != WK_ADXL345_OK && status != WK_ADXL345_ERR_SELF_TEST) {
        return status;
    }
    end = bus->write(bus->context, REG_POWER_CTL, STANDBY) == 0 ? WK_ADXL345_OK
                                                                : WK_ADXL345_ERR_NO_ANSWER;
    return status == WK_ADXL345_OK ? end : status;
}
