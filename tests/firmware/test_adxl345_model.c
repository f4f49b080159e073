/* The register model against statements of the ADXL345 data sheet, named by table or section. */
#include "check.h"
#include "wk_adxl345_wires.h"

static uint8_t get(wk_adxl345_model_t *model, uint8_t reg)
{
    uint8_t value;

    wk_adxl345_model_read_begin(model, reg);
    value = wk_adxl345_model_read_byte(model);
    wk_adxl345_model_read_end(model);
    return value;
}

static int read_x(wk_adxl345_model_t *model)
{
    const wk_bus_t bus = wk_adxl345_model_bus(model);
    uint8_t bytes[6];

    CHECK_EQUAL(bus.read(bus.context, 0x32, bytes, 6), 0);
    return (int16_t)(uint16_t)(bytes[0] | bytes[1] << 8);
}

static void tick_x(wk_adxl345_model_t *model, int x)
{
    const int16_t counts[3] = {(int16_t)x, 0, 256};

    wk_adxl345_model_tick(model, counts);
}

static void measure(wk_adxl345_model_t *model, uint8_t format, uint8_t fifo_ctl)
{
    wk_adxl345_model_reset(model);
    wk_adxl345_model_write(model, 0x31, format);
    wk_adxl345_model_write(model, 0x38, fifo_ctl);
    wk_adxl345_model_write(model, 0x2D, 0x08);
}

static void test_table_19_reset_values(void)
{
    wk_adxl345_model_t model;
    uint8_t reg;

    wk_adxl345_model_reset(&model);
    CHECK_EQUAL(get(&model, 0x00), 0xE5);
    for (reg = 0x1D; reg <= 0x39; reg++) {
        CHECK_EQUAL(get(&model, reg), reg == 0x2C ? 0x0A : reg == 0x30 ? 0x02 : 0x00);
    }
}

static void test_table_19_read_only_registers(void)
{
    static const uint8_t fixed[] = {0x00, 0x2B, 0x30, 0x32, 0x37, 0x39};
    wk_adxl345_model_t model;
    size_t i;

    wk_adxl345_model_reset(&model);
    for (i = 0; i < sizeof fixed; i++) {
        const uint8_t before = get(&model, fixed[i]);

        wk_adxl345_model_write(&model, fixed[i], (uint8_t)~before);
        CHECK_EQUAL(get(&model, fixed[i]), before);
    }
    wk_adxl345_model_write(&model, 0x1D, 0x77);
    CHECK_EQUAL(get(&model, 0x1D), 0x77);
}

static void test_table_7_output_rates(void)
{
    static const uint32_t rates_mhz[16] = {97,    195,   390,    781,    1562,   3125,   6250,    12500,
                                           25000, 50000, 100000, 200000, 400000, 800000, 1600000, 3200000};
    wk_adxl345_model_t model;
    uint8_t code;

    measure(&model, 0x08, 0x80);
    for (code = 0; code < 16; code++) {
        wk_adxl345_model_write(&model, 0x2C, code);
        CHECK_EQUAL(wk_adxl345_model_rate_mhz(&model), rates_mhz[code]);
        wk_adxl345_model_write(&model, 0x2C, code | 0x10); /* LOW_POWER keeps the rate */
        CHECK_EQUAL(wk_adxl345_model_rate_mhz(&model), rates_mhz[code]);
    }
    wk_adxl345_model_write(&model, 0x2D, 0x00);
    CHECK_EQUAL(wk_adxl345_model_rate_mhz(&model), 0);
}

/* Table 1: LSB/g by range, with and without FULL_RES; output clips and does not roll over. */
static void test_table_1_scale_and_rails(void)
{
    static const struct {
        uint8_t format;
        int at_1_g, top, bottom;
    } rows[] = {
        {0x00, 256, 511, -512}, {0x01, 128, 511, -512},   {0x02, 64, 511, -512},
        {0x03, 32, 511, -512},  {0x08, 256, 511, -512},   {0x09, 256, 1023, -1024},
        {0x0A, 256, 2047, -2048}, {0x0B, 256, 4095, -4096}, {0x04, 256 << 6, 511 << 6, -512 * 64},
        {0x0C, 256 << 6, 511 << 6, -512 * 64}, {0x0F, 256 << 3, 4095 << 3, -4096 * 8},
        {0x07, 32 << 6, 511 << 6, -512 * 64},
    };
    wk_adxl345_model_t model;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        measure(&model, rows[i].format, 0x00);
        tick_x(&model, 256);
        CHECK_EQUAL(read_x(&model), rows[i].at_1_g);
        tick_x(&model, 30000);
        CHECK_EQUAL(read_x(&model), rows[i].top);
        tick_x(&model, -30000);
        CHECK_EQUAL(read_x(&model), rows[i].bottom);
    }
}

/* "at 3200 Hz and 1600 Hz the LSB is always 0" (full resolution, and 10 bit at +-2 g). */
static void test_data_formatting_at_high_rates(void)
{
    wk_adxl345_model_t model;

    measure(&model, 0x08, 0x00);
    wk_adxl345_model_write(&model, 0x2C, 0x0E);
    tick_x(&model, 101);
    CHECK_EQUAL(read_x(&model), 100);
    tick_x(&model, -101);
    CHECK_EQUAL(read_x(&model), -102);
    wk_adxl345_model_write(&model, 0x2C, 0x0D);
    tick_x(&model, 101);
    CHECK_EQUAL(read_x(&model), 101);
}

/* Registers 0x1E to 0x20: 15.6 mg an LSB, two's complement, added whatever the range. */
static void test_offset_registers(void)
{
    wk_adxl345_model_t model;

    measure(&model, 0x08, 0x00);
    wk_adxl345_model_write(&model, 0x1E, 0x7F);
    tick_x(&model, -200);
    CHECK_EQUAL(read_x(&model), -200 + 508);
    wk_adxl345_model_write(&model, 0x1E, 0xFF);
    tick_x(&model, 10);
    CHECK_EQUAL(read_x(&model), 6);
    wk_adxl345_model_write(&model, 0x31, 0x03); /* +-16 g, 10 bit: 32 LSB/g */
    wk_adxl345_model_write(&model, 0x1E, 64);   /* 1 g */
    tick_x(&model, 0);
    CHECK_EQUAL(read_x(&model), 32);
}

/* Register 0x30: DATA_READY, watermark and overrun are set whatever INT_ENABLE says, and cleared by
 * reading data; registers 0x2E, 0x2F and bit INT_INVERT only decide what the pins show. */
static void test_interrupt_registers(void)
{
    wk_adxl345_model_t model;

    measure(&model, 0x08, 0x82);
    CHECK_EQUAL(get(&model, 0x30), 0x00);
    tick_x(&model, 1);
    CHECK_EQUAL(get(&model, 0x30), 0x80);
    tick_x(&model, 2);
    CHECK_EQUAL(get(&model, 0x30), 0x82);
    CHECK(!wk_adxl345_model_pin(&model, 1));
    wk_adxl345_model_write(&model, 0x2E, 0x02);
    CHECK(wk_adxl345_model_pin(&model, 1) && !wk_adxl345_model_pin(&model, 2));
    wk_adxl345_model_write(&model, 0x2F, 0x02);
    CHECK(!wk_adxl345_model_pin(&model, 1) && wk_adxl345_model_pin(&model, 2));
    wk_adxl345_model_write(&model, 0x31, 0x28);
    CHECK(wk_adxl345_model_pin(&model, 1) && !wk_adxl345_model_pin(&model, 2));
    CHECK_EQUAL(read_x(&model), 1);
    CHECK_EQUAL(get(&model, 0x30), 0x80);
    CHECK_EQUAL(read_x(&model), 2);
    CHECK_EQUAL(get(&model, 0x30), 0x00);
}

/* Table 22 and "FIFO": what each mode keeps, and when it says overrun. */
static void test_fifo_bypass_keeps_the_newest_one(void)
{
    wk_adxl345_model_t model;

    measure(&model, 0x08, 0x00);
    tick_x(&model, 1);
    CHECK_EQUAL(get(&model, 0x30) & 0x01, 0);
    tick_x(&model, 2);
    CHECK_EQUAL(get(&model, 0x30) & 0x01, 0x01);
    CHECK_EQUAL(read_x(&model), 2);
    CHECK_EQUAL(get(&model, 0x30) & 0x81, 0);
    CHECK_EQUAL(model.lost, 1);
}

static void test_fifo_mode_stops_when_full(void)
{
    wk_adxl345_model_t model;
    int i;

    measure(&model, 0x08, 0x40 | 10);
    for (i = 0; i < 40; i++) {
        CHECK_EQUAL(get(&model, 0x39), i < 32 ? i : 32);
        CHECK_EQUAL(get(&model, 0x30) & 0x02, i >= 10 ? 0x02 : 0);
        CHECK_EQUAL(get(&model, 0x30) & 0x01, i >= 32 ? 0x01 : 0);
        tick_x(&model, i);
    }
    for (i = 0; i < 33; i++) { /* 32 and one in the output register */
        CHECK_EQUAL(read_x(&model), i);
    }
    CHECK_EQUAL(get(&model, 0x39), 0);
    CHECK_EQUAL(model.lost, 7);
}

static void test_stream_mode_keeps_the_newest(void)
{
    wk_adxl345_model_t model;
    int i;

    measure(&model, 0x08, 0x80 | 10);
    for (i = 0; i < 100; i++) {
        tick_x(&model, i);
    }
    CHECK_EQUAL(get(&model, 0x39), 32);
    CHECK_EQUAL(get(&model, 0x30), 0x83);
    for (i = 67; i < 100; i++) {
        CHECK_EQUAL(read_x(&model), i);
    }
    CHECK_EQUAL(get(&model, 0x39), 0);
    CHECK_EQUAL(model.lost, 67);
}

static void test_trigger_mode_keeps_samples_before_the_event(void)
{
    wk_adxl345_model_t model;
    int i;

    measure(&model, 0x08, 0xC0 | 5);
    for (i = 0; i < 20; i++) {
        tick_x(&model, i);
    }
    CHECK_EQUAL(get(&model, 0x39), 20);
    wk_adxl345_model_trigger(&model);
    CHECK_EQUAL(get(&model, 0x39), 0x80 | 5);
    for (i = 20; i < 60; i++) {
        tick_x(&model, i);
    }
    CHECK_EQUAL(get(&model, 0x39), 0x80 | 32);
    for (i = 15; i < 15 + 33; i++) {
        CHECK_EQUAL(read_x(&model), i);
    }
    wk_adxl345_model_write(&model, 0x38, 0x00); /* "must be placed in bypass mode" before the next */
    wk_adxl345_model_write(&model, 0x38, 0xC5);
    CHECK_EQUAL(get(&model, 0x39), 0);
}

/* Register 0x38: samples = 0 sets the watermark at once; bypass empties the FIFO. */
static void test_fifo_ctl_edges(void)
{
    wk_adxl345_model_t model;

    measure(&model, 0x08, 0x80);
    CHECK_EQUAL(get(&model, 0x30), 0x02);
    tick_x(&model, 1);
    wk_adxl345_model_write(&model, 0x38, 0x00);
    CHECK_EQUAL(get(&model, 0x39), 0);
    CHECK_EQUAL(get(&model, 0x30) & 0x80, 0);
}

/* "Retrieving Data from FIFO": any read of data registers takes the whole entry away. */
static void test_a_short_read_loses_the_rest(void)
{
    wk_adxl345_model_t model;

    measure(&model, 0x08, 0x8A);
    tick_x(&model, 1);
    tick_x(&model, 2);
    CHECK_EQUAL(get(&model, 0x32), 1);
    CHECK_EQUAL(model.short_reads, 1);
    CHECK_EQUAL(read_x(&model), 2);
}

/* The same section: at least 5 us from the end of a data read to the next FIFO access. */
static void test_the_5_us_rule(void)
{
    wk_adxl345_model_t model;

    measure(&model, 0x08, 0x8A);
    wk_adxl345_model_time(&model, 1000);
    tick_x(&model, 1);
    tick_x(&model, 2);
    tick_x(&model, 3);
    CHECK_EQUAL(read_x(&model), 1);
    wk_adxl345_model_time(&model, 1000 + 4999);
    CHECK_EQUAL(get(&model, 0x39), 3);
    CHECK_EQUAL(read_x(&model), 1); /* the same entry again */
    CHECK_EQUAL(model.early_reads, 2);
    CHECK_EQUAL(get(&model, 0x2C), 0x0A); /* other registers may be read at any time */
    CHECK_EQUAL(model.early_reads, 2);
    wk_adxl345_model_time(&model, 1000 + 4999 + 5000);
    CHECK_EQUAL(get(&model, 0x39), 2);
    CHECK_EQUAL(read_x(&model), 2);
    CHECK_EQUAL(model.early_reads, 2);
}

/* Register 0x2D: standby converts nothing; sleep fills no FIFO and wakes at 8, 4, 2 or 1 Hz. */
static void test_power_ctl(void)
{
    static const uint32_t wake_mhz[4] = {8000, 4000, 2000, 1000};
    wk_adxl345_model_t model;
    uint8_t code;

    measure(&model, 0x08, 0x8A);
    tick_x(&model, 1);
    for (code = 0; code < 4; code++) {
        wk_adxl345_model_write(&model, 0x2D, 0x0C | code);
        CHECK_EQUAL(wk_adxl345_model_rate_mhz(&model), wake_mhz[code]);
    }
    tick_x(&model, 2);
    CHECK_EQUAL(get(&model, 0x39), 1);
    CHECK_EQUAL(get(&model, 0x30) & 0x80, 0);
    wk_adxl345_model_write(&model, 0x2D, 0x00);
    tick_x(&model, 3);
    CHECK_EQUAL(get(&model, 0x39), 1);
    wk_adxl345_model_write(&model, 0x2D, 0x08);
    tick_x(&model, 4);
    CHECK_EQUAL(get(&model, 0x39), 2);
    CHECK_EQUAL(model.taken, 2);
}

/* Table 1 and register 0x31, bit SELF_TEST: a force on the sensor shifts its output. */
static void test_self_test_shift(void)
{
    wk_adxl345_model_t model;

    measure(&model, 0x0B, 0x00);
    tick_x(&model, 10);
    CHECK_EQUAL(read_x(&model), 10);
    wk_adxl345_model_write(&model, 0x31, 0x8B);
    tick_x(&model, 10);
    CHECK_EQUAL(read_x(&model), 305);
    wk_adxl345_model_write(&model, 0x31, 0x83); /* 10 bit at +-16 g: 8 times coarser */
    tick_x(&model, 10);
    CHECK_EQUAL(read_x(&model), 305 / 8);
}

/* "I2C": 0x53 with ALT ADDRESS low, 0x1D with it high; multiple bytes go to following registers. */
static void test_i2c_wires(void)
{
    static const uint8_t writes[] = {0x1E, 1, 2, 3};
    static const uint8_t from = 0x1E;
    wk_adxl345_model_t model;
    wk_adxl345_wires_t wires = {&model, 400000, 0};
    uint8_t bytes[3];

    wk_adxl345_model_reset(&model);
    CHECK(wk_adxl345_wires_i2c(&wires, 0x1D, writes, 4, NULL, 0) != 0);
    CHECK_EQUAL(model.reg[0x1E], 0);
    CHECK_EQUAL(wk_adxl345_wires_i2c(&wires, 0x53, writes, 4, NULL, 0), 0);
    CHECK_EQUAL(wk_adxl345_wires_i2c(&wires, 0x53, &from, 1, bytes, 3), 0);
    CHECK_EQUAL(bytes[0] * 100 + bytes[1] * 10 + bytes[2], 123);
    CHECK_EQUAL(wires.busy_ns, (5 + 5 + 3 + 3) * 22500);
}

/* "SPI", Figures 37 to 39: bit 7 reads, bit 6 moves on to the next register. */
static void test_spi_wires(void)
{
    uint8_t write[] = {0x40 | 0x1E, 1, 2, 3};
    uint8_t read[] = {0xC0 | 0x1E, 0, 0, 0};
    uint8_t same[] = {0x80 | 0x1E, 0, 0, 0};
    wk_adxl345_model_t model;
    wk_adxl345_wires_t wires = {&model, 0, 0};

    wk_adxl345_model_reset(&model);
    CHECK_EQUAL(wk_adxl345_wires_spi(&wires, write, sizeof write), 0);
    CHECK_EQUAL(wk_adxl345_wires_spi(&wires, read, sizeof read), 0);
    CHECK_EQUAL(read[1] * 100 + read[2] * 10 + read[3], 123);
    CHECK_EQUAL(wk_adxl345_wires_spi(&wires, same, sizeof same), 0);
    CHECK_EQUAL(same[1] * 100 + same[2] * 10 + same[3], 111);
}

int main(void)
{
    test_table_19_reset_values();
    test_table_19_read_only_registers();
    test_table_7_output_rates();
    test_table_1_scale_and_rails();
    test_data_formatting_at_high_rates();
    test_offset_registers();
    test_interrupt_registers();
    test_fifo_bypass_keeps_the_newest_one();
    test_fifo_mode_stops_when_full();
    test_stream_mode_keeps_the_newest();
    test_trigger_mode_keeps_samples_before_the_event();
    test_fifo_ctl_edges();
    test_a_short_read_loses_the_rest();
    test_the_5_us_rule();
    test_power_ctl();
    test_self_test_shift();
    test_i2c_wires();
    test_spi_wires();
    puts("adxl345 model: passed");
    return 0;
}
