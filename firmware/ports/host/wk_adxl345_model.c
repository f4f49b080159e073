#include "wk_adxl345_model.h"

#include <string.h>

#define REG_DEVID 0x00
#define REG_BW_RATE 0x2C
#define REG_POWER_CTL 0x2D
#define REG_INT_SOURCE 0x30
#define REG_DATA_FORMAT 0x31
#define REG_DATAX0 0x32
#define REG_DATAX1 0x33
#define REG_DATAZ1 0x37
#define REG_FIFO_CTL 0x38
#define REG_FIFO_STATUS 0x39
#define FIRST_WRITABLE 0x1D

#define INT_DATA_READY 0x80
#define INT_WATERMARK 0x02
#define INT_OVERRUN 0x01

#define FIFO_FULL 32

enum { BYPASS = 0, FIFO_MODE = 1, STREAM = 2 };

static uint8_t fifo_mode(const wk_adxl345_model_t *model)
{
    return (uint8_t)(model->reg[REG_FIFO_CTL] >> 6);
}

static bool measuring(const wk_adxl345_model_t *model)
{
    return (model->reg[REG_POWER_CTL] & 0x08) != 0;
}

static uint8_t fifo_entries(const wk_adxl345_model_t *model)
{
    return model->held_len > FIFO_FULL ? FIFO_FULL : model->held_len;
}

static uint8_t int_source(const wk_adxl345_model_t *model)
{
    const uint8_t watermark = model->reg[REG_FIFO_CTL] & 0x1F;
    uint8_t bits = 0;

    if (model->held_len > 0) {
        bits = INT_DATA_READY;
    }
    if (model->held_len >= watermark) {
        bits = (uint8_t)(bits | INT_WATERMARK);
    }
    if (model->held_len >= FIFO_FULL) {
        bits = (uint8_t)(bits | INT_OVERRUN);
    }
    return bits;
}

/* The register value of an acceleration in 1/256 g: clipped to the range so that it cannot roll
 * over, coarser without FULL_RES, moved left when asked. */
static int16_t register_value(const wk_adxl345_model_t *model, int16_t count)
{
    const uint8_t format = model->reg[REG_DATA_FORMAT];
    const int range = format & 3;
    const bool full_res = (format & 0x08) != 0;
    const bool left = (format & 0x04) != 0;
    const int top = 512 << range;
    int value = count < -top ? -top : count > top - 1 ? top - 1 : count;

    if (!full_res) {
        value = (value + top) / (1 << range) - 512;
    }
    return (int16_t)(left ? value * (1 << (full_res ? 6 - range : 6)) : value);
}

static void pop(wk_adxl345_model_t *model)
{
    if (model->held_len > 0) {
        model->held_len--;
        memmove(model->held[0], model->held[1], model->held_len * sizeof model->held[0]);
    }
}

static uint8_t data_byte(const wk_adxl345_model_t *model, uint8_t reg)
{
    const uint8_t offset = (uint8_t)(reg - REG_DATAX0);
    const uint16_t bits = (uint16_t)model->held[0][offset / 2]; /* stale when empty, as the part */

    return (uint8_t)(offset % 2 == 0 ? bits & 0xFF : bits >> 8);
}

static uint8_t register_byte(const wk_adxl345_model_t *model, uint8_t reg)
{
    switch (reg) {
    case REG_DEVID:
        return model->devid;
    case REG_INT_SOURCE:
        return int_source(model);
    case REG_FIFO_STATUS:
        return fifo_entries(model);
    default:
        if (reg >= WK_ADXL345_MODEL_REGISTERS) {
            return 0;
        }
        return reg >= REG_DATAX0 && reg <= REG_DATAZ1 ? data_byte(model, reg) : model->reg[reg];
    }
}

void wk_adxl345_model_read_begin(wk_adxl345_model_t *model, uint8_t reg)
{
    model->read_first = reg;
    model->read_len = 0;
    model->read_late = 0;
}

uint8_t wk_adxl345_model_read_byte(wk_adxl345_model_t *model)
{
    const uint8_t reg = (uint8_t)(model->read_first + model->read_len++);
    const uint8_t noise = reg == REG_DATAX1 ? model->noise_xor : 0;
    const uint8_t byte = (uint8_t)(register_byte(model, reg) ^ noise);
    const uint8_t late = model->read_late;

    model->read_late = byte & 1;
    if (model->shifted) {
        return (uint8_t)((byte >> 1) | (late << 7));
    }
    return byte;
}

void wk_adxl345_model_read_end(wk_adxl345_model_t *model)
{
    const int first = model->read_first;
    const int end = first + model->read_len;

    model->read_len = 0;
    if (end <= REG_DATAX0 || first > REG_DATAZ1 || end == first) {
        return;
    }
    if (first != REG_DATAX0 || end != REG_DATAZ1 + 1) {
        model->short_reads++;
    }
    model->noise_xor = 0;
    pop(model);
}

void wk_adxl345_model_write(wk_adxl345_model_t *model, uint8_t reg, uint8_t value)
{
    const bool read_only = reg == REG_INT_SOURCE || (reg >= REG_DATAX0 && reg <= REG_DATAZ1) ||
                           reg == REG_FIFO_STATUS;

    if (reg < FIRST_WRITABLE || reg >= WK_ADXL345_MODEL_REGISTERS || read_only ||
        reg == model->stuck_reg) {
        return;
    }
    if (measuring(model) && reg != REG_POWER_CTL) {
        model->live_writes++;
    }
    model->reg[reg] = value;
    if (reg == REG_FIFO_CTL && fifo_mode(model) == BYPASS) {
        model->held_len = 0;
    }
}

static int bus_read(void *context, uint8_t reg, uint8_t *out_bytes, uint8_t bytes_len)
{
    wk_adxl345_model_t *model = context;

    if (model->absent) {
        return 1;
    }
    wk_adxl345_model_read_begin(model, reg);
    while (bytes_len-- > 0) {
        *out_bytes++ = wk_adxl345_model_read_byte(model);
    }
    wk_adxl345_model_read_end(model);
    return 0;
}

static int bus_write(void *context, uint8_t reg, uint8_t value)
{
    wk_adxl345_model_t *model = context;

    if (model->absent) {
        return 1;
    }
    wk_adxl345_model_write(model, reg, value);
    return 0;
}

void wk_adxl345_model_reset(wk_adxl345_model_t *model)
{
    memset(model, 0, sizeof *model);
    model->devid = 0xE5;
    model->reg[REG_BW_RATE] = 0x0A;
}

void wk_adxl345_model_tick(wk_adxl345_model_t *model, const int16_t counts[3])
{
    const uint8_t mode = fifo_mode(model);
    const uint8_t room = mode == BYPASS ? 1 : WK_ADXL345_MODEL_HELD;
    int axis;

    if (!measuring(model)) {
        return;
    }
    model->taken++;
    if (model->held_len == room) {
        model->lost++;
        if (mode == FIFO_MODE) {
            return;
        }
        pop(model);
    }
    for (axis = 0; axis < 3; axis++) {
        model->held[model->held_len][axis] = register_value(model, counts[axis]);
    }
    model->held_len++;
}

uint32_t wk_adxl345_model_rate_mhz(const wk_adxl345_model_t *model)
{
    const uint8_t code = model->reg[REG_BW_RATE] & 0x0F;

    return measuring(model) ? 3200000u >> (15 - code) : 0;
}

wk_bus_t wk_adxl345_model_bus(wk_adxl345_model_t *model)
{
    wk_bus_t bus;

    bus.write = bus_write;
    bus.read = bus_read;
    bus.context = model;
    return bus;
}
