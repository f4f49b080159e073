#include "wk_adxl345_model.h"

#include <string.h>

#define REG_DEVID 0x00
#define REG_OFSX 0x1E
#define REG_BW_RATE 0x2C
#define REG_POWER_CTL 0x2D
#define REG_INT_ENABLE 0x2E
#define REG_INT_MAP 0x2F
#define REG_INT_SOURCE 0x30
#define REG_DATA_FORMAT 0x31
#define REG_DATAX0 0x32
#define REG_DATAX1 0x33
#define REG_DATAZ1 0x37
#define REG_FIFO_CTL 0x38
#define REG_FIFO_STATUS 0x39
#define REG_ACT_TAP_STATUS 0x2B
#define FIRST_WRITABLE 0x1D

#define POWER_MEASURE 0x08
#define POWER_SLEEP 0x04
#define FORMAT_SELF_TEST 0x80
#define FORMAT_INT_INVERT 0x20
#define FORMAT_FULL_RES 0x08
#define FORMAT_LEFT 0x04
#define RATE_1600_HZ 0x0E

#define INT_DATA_READY 0x80
#define INT_WATERMARK 0x02
#define INT_OVERRUN 0x01

#define FIFO_FULL 32
#define FIFO_TRIGGERED 0x80
#define COUNTS_PER_OFFSET 4 /* 15.6 mg */

enum { BYPASS = 0, FIFO_MODE = 1, STREAM = 2, TRIGGER = 3 };

static uint8_t fifo_mode(const wk_adxl345_model_t *model)
{
    return (uint8_t)(model->reg[REG_FIFO_CTL] >> 6);
}

static uint8_t watermark(const wk_adxl345_model_t *model)
{
    return model->reg[REG_FIFO_CTL] & 0x1F;
}

static bool measuring(const wk_adxl345_model_t *model)
{
    return (model->reg[REG_POWER_CTL] & POWER_MEASURE) != 0;
}

static bool sleeping(const wk_adxl345_model_t *model)
{
    return (model->reg[REG_POWER_CTL] & POWER_SLEEP) != 0;
}

static uint8_t fifo_entries(const wk_adxl345_model_t *model)
{
    return model->held_len > FIFO_FULL ? FIFO_FULL : model->held_len;
}

static uint8_t fifo_status(const wk_adxl345_model_t *model)
{
    const bool triggered = fifo_mode(model) == TRIGGER && model->triggered;

    return (uint8_t)(fifo_entries(model) | (triggered ? FIFO_TRIGGERED : 0));
}

/* Set regardless of INT_ENABLE (Table 19 and "Interrupts"): the enable bits only gate the pins. */
static uint8_t int_source(const wk_adxl345_model_t *model)
{
    const bool bypass = fifo_mode(model) == BYPASS;
    uint8_t bits = 0;

    if (model->held_len > 0 && !sleeping(model)) {
        bits = INT_DATA_READY;
    }
    if (model->held_len >= watermark(model)) {
        bits = (uint8_t)(bits | INT_WATERMARK);
    }
    if (bypass ? model->replaced : model->held_len >= FIFO_FULL) {
        bits = (uint8_t)(bits | INT_OVERRUN);
    }
    return bits;
}

bool wk_adxl345_model_pin(const wk_adxl345_model_t *model, uint8_t pin)
{
    const uint8_t map = model->reg[REG_INT_MAP];
    const uint8_t routed = pin == 2 ? map : (uint8_t)~map;
    const bool active = (int_source(model) & model->reg[REG_INT_ENABLE] & routed) != 0;

    return active != ((model->reg[REG_DATA_FORMAT] & FORMAT_INT_INVERT) != 0);
}

static int clipped(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

/* The register value of an acceleration in 1/256 g: offset and self-test added, clipped to the
 * range so that it cannot roll over, coarser without FULL_RES, moved left when asked. */
static int16_t register_value(const wk_adxl345_model_t *model, int16_t count, int axis)
{
    const uint8_t format = model->reg[REG_DATA_FORMAT];
    const int range = format & 3;
    const bool full_res = (format & FORMAT_FULL_RES) != 0;
    const bool tested = (format & FORMAT_SELF_TEST) != 0;
    const int offset = (int8_t)model->reg[REG_OFSX + axis];
    const int top = 512 << range;
    int value = count + COUNTS_PER_OFFSET * offset + (tested ? model->self_test[axis] : 0);

    value = clipped(value, -top, top - 1);
    if (!full_res) {
        value = (value + top) / (1 << range) - 512;
    }
    if ((model->reg[REG_BW_RATE] & 0x0F) >= RATE_1600_HZ && (full_res || range == 0)) {
        value -= value & 1;
    }
    if ((format & FORMAT_LEFT) != 0) {
        value *= 1 << (full_res ? 6 - range : 6);
    }
    return (int16_t)value;
}

static void pop(wk_adxl345_model_t *model)
{
    if (model->held_len > 0) {
        model->held_len--;
        memmove(model->held[0], model->held[1], model->held_len * sizeof model->held[0]);
    }
}

/* The entry that was read has had its 5 us. */
static void settle(wk_adxl345_model_t *model)
{
    if (model->leaving) {
        model->leaving = false;
        pop(model);
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
        return fifo_status(model);
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
    model->read_early = model->leaving && model->now_ns - model->read_ns < WK_ADXL345_MODEL_POP_NS;
    if (!model->read_early) {
        settle(model);
    }
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
    const bool data = first <= REG_DATAZ1 && end > REG_DATAX0;

    model->read_len = 0;
    if (end == first) {
        return;
    }
    if (model->read_early && (data || (first <= REG_FIFO_STATUS && end > REG_FIFO_STATUS))) {
        model->early_reads++;
    }
    if (!data) {
        return;
    }
    if (first != REG_DATAX0 || end != REG_DATAZ1 + 1) {
        model->short_reads++;
    }
    model->noise_xor = 0;
    model->replaced = false;
    model->leaving = true; /* an early read saw the entry that is leaving already: it counts once */
    model->read_ns = model->now_ns;
    if (!model->timed) {
        settle(model);
    }
}

static bool read_only(uint8_t reg)
{
    return reg < FIRST_WRITABLE || reg >= WK_ADXL345_MODEL_REGISTERS || reg == REG_INT_SOURCE ||
           reg == REG_ACT_TAP_STATUS || reg == REG_FIFO_STATUS ||
           (reg >= REG_DATAX0 && reg <= REG_DATAZ1);
}

void wk_adxl345_model_write(wk_adxl345_model_t *model, uint8_t reg, uint8_t value)
{
    if (read_only(reg) || reg == model->stuck_reg) {
        return;
    }
    if (measuring(model) && reg != REG_POWER_CTL) {
        model->live_writes++;
    }
    model->reg[reg] = value;
    if (reg == REG_FIFO_CTL && fifo_mode(model) == BYPASS) {
        model->held_len = 0;
        model->leaving = false;
        model->triggered = false;
        model->replaced = false;
    }
}

void wk_adxl345_model_reset(wk_adxl345_model_t *model)
{
    static const int16_t typical[3] = {295, -295, 475}; /* the middle of Table 1's limits */

    memset(model, 0, sizeof *model);
    memcpy(model->self_test, typical, sizeof typical);
    model->devid = 0xE5;
    model->address = WK_ADXL345_ADDRESS;
    model->reg[REG_BW_RATE] = 0x0A;
}

void wk_adxl345_model_time(wk_adxl345_model_t *model, uint64_t now_ns)
{
    model->timed = true;
    model->now_ns = now_ns;
}

/* FIFO mode, and trigger mode after its event, stop when full; the others lose the oldest. */
static bool make_room(wk_adxl345_model_t *model)
{
    const uint8_t mode = fifo_mode(model);
    const uint8_t room = mode == BYPASS ? 1 : WK_ADXL345_MODEL_HELD;
    const bool stops = mode == FIFO_MODE || (mode == TRIGGER && model->triggered);

    if (model->held_len < room) {
        return true;
    }
    model->lost++;
    if (stops) {
        return false;
    }
    model->replaced = true;
    pop(model);
    return true;
}

void wk_adxl345_model_tick(wk_adxl345_model_t *model, const int16_t counts[3])
{
    int axis;

    if (!measuring(model)) {
        return;
    }
    settle(model);
    if (!model->frozen) {
        memcpy(model->last, counts, sizeof model->last);
    }
    if (sleeping(model)) {
        return; /* "Sleep Mode": no DATA_READY, nothing enters the FIFO */
    }
    model->taken++;
    if (!make_room(model)) {
        return;
    }
    for (axis = 0; axis < 3; axis++) {
        model->held[model->held_len][axis] = register_value(model, model->last[axis], axis);
    }
    model->held_len++;
}

/* "Trigger Mode": the last `samples` entries stay, and collecting goes on until it is full. */
void wk_adxl345_model_trigger(wk_adxl345_model_t *model)
{
    if (fifo_mode(model) != TRIGGER || model->triggered) {
        return;
    }
    settle(model);
    while (model->held_len > watermark(model)) {
        pop(model);
    }
    model->triggered = true;
}

uint32_t wk_adxl345_model_rate_mhz(const wk_adxl345_model_t *model)
{
    const uint8_t code = model->reg[REG_BW_RATE] & 0x0F;

    if (!measuring(model)) {
        return 0;
    }
    return sleeping(model) ? 8000u >> (model->reg[REG_POWER_CTL] & 3) : 3200000u >> (15 - code);
}

static bool refused(wk_adxl345_model_t *model, bool reading)
{
    if (model->refuse > 0) {
        model->refuse--;
        return true;
    }
    return model->absent || (model->mute && reading);
}

static int bus_read(void *context, uint8_t reg, uint8_t *out_bytes, uint8_t bytes_len)
{
    wk_adxl345_model_t *model = context;

    if (refused(model, true)) {
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

    if (refused(model, false)) {
        return 1;
    }
    wk_adxl345_model_write(model, reg, value);
    return 0;
}

wk_bus_t wk_adxl345_model_bus(wk_adxl345_model_t *model)
{
    wk_bus_t bus;

    bus.write = bus_write;
    bus.read = bus_read;
    bus.context = model;
    return bus;
}
