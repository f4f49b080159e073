/* The driver on a bus that fails or bends single transfers, and the words for every fault. */
#include <string.h>

#include "check.h"
#include "wk/wk_adxl345.h"
#include "wk/wk_adxl345_bus.h"
#include "wk_adxl345_model.h"

#define NO_REG 0xFF

/* A register model behind a bus that refuses or changes what a test says. */
typedef struct {
    wk_adxl345_model_t model;
    wk_bus_t straight, bus;
    wk_adxl345_t sensor;
    uint8_t write_fails, read_fails; /* transfers that begin at this register */
    uint8_t bent_reg;                /* reads as bent_bytes, from its first byte on */
    uint8_t bent_bytes[6];
} bent_t;

static int bent_write(void *context, uint8_t reg, uint8_t value)
{
    bent_t *bent = context;
    const int status = bent->straight.write(bent->straight.context, reg, value);

    return reg == bent->write_fails ? 1 : status; /* it arrived, but was not acknowledged */
}

static int bent_read(void *context, uint8_t reg, uint8_t *out_bytes, uint8_t bytes_len)
{
    bent_t *bent = context;

    if (reg == bent->read_fails ||
        bent->straight.read(bent->straight.context, reg, out_bytes, bytes_len) != 0) {
        return 1;
    }
    if (reg == bent->bent_reg) {
        memcpy(out_bytes, bent->bent_bytes, bytes_len);
    }
    return 0;
}

static void bent_reset(bent_t *bent)
{
    memset(bent, 0, sizeof *bent);
    wk_adxl345_model_reset(&bent->model);
    bent->straight = wk_adxl345_model_bus(&bent->model);
    bent->bus.write = bent_write;
    bent->bus.read = bent_read;
    bent->bus.context = bent;
    bent->write_fails = bent->read_fails = bent->bent_reg = NO_REG;
}

static void bent_begin(bent_t *bent)
{
    static const int16_t still[3] = {1, 2, 256};
    wk_sample_t sample;

    bent_reset(bent);
    CHECK_EQUAL(wk_adxl345_begin(&bent->sensor, &bent->bus, WK_ADXL345_DEFAULT_RATE_MHZ, 0), WK_ADXL345_OK);
    wk_adxl345_model_tick(&bent->model, still);
    CHECK_EQUAL(wk_adxl345_next(&bent->sensor, 20000, &sample), WK_ADXL345_EMPTY);
    wk_adxl345_model_tick(&bent->model, still);
}

static void test_a_write_that_was_not_acknowledged_is_no_setup(void)
{
    static const uint8_t regs[] = {0x2D, 0x2E, 0x1E, 0x20, 0x2C, 0x31, 0x38};
    bent_t bent;
    size_t i;

    for (i = 0; i < sizeof regs; i++) {
        bent_reset(&bent);
        bent.write_fails = regs[i];
        CHECK_EQUAL(wk_adxl345_begin(&bent.sensor, &bent.bus, WK_ADXL345_DEFAULT_RATE_MHZ, 0), WK_ADXL345_ERR_NO_ANSWER);
        CHECK_EQUAL(bent.sensor.fault.reg, regs[i]);
    }
}

static void test_a_read_that_fails_gives_no_sample(void)
{
    static const uint8_t regs[] = {0x38, 0x32};
    wk_sample_t sample;
    bent_t bent;
    size_t i;

    for (i = 0; i < sizeof regs; i++) {
        bent_begin(&bent);
        bent.read_fails = regs[i];
        CHECK_EQUAL(wk_adxl345_next(&bent.sensor, 40000, &sample), WK_ADXL345_ERR_NO_ANSWER);
    }
}

static void test_registers_are_shown_all_or_not_at_all(void)
{
    static const uint8_t regs[4] = {0x00, 0x2C, 0x31, 0x38};
    uint8_t values[4];
    bent_t bent;
    size_t i;

    bent_begin(&bent);
    CHECK_EQUAL(wk_adxl345_registers(&bent.sensor, values), WK_ADXL345_OK);
    CHECK(values[0] == 0xE5 && values[1] == 0x09 && values[2] == 0x08 && values[3] == 0x8A);
    for (i = 0; i < sizeof regs; i++) {
        bent.read_fails = regs[i];
        CHECK_EQUAL(wk_adxl345_registers(&bent.sensor, values), WK_ADXL345_ERR_NO_ANSWER);
    }
}

/* FIFO_STATUS: bit 6 is always 0, bit 7 belongs to the trigger mode, at most 32 entries. */
static void test_a_fifo_status_that_cannot_be_is_a_glitch(void)
{
    static const struct {
        uint8_t entries;
        wk_adxl345_status_t status;
    } rows[] = {{0, WK_ADXL345_EMPTY}, {31, WK_ADXL345_OK}, {32, WK_ADXL345_ERR_OVERRUN},
                {33, WK_ADXL345_ERR_GLITCH}, {0x41, WK_ADXL345_ERR_GLITCH},
                {0x81, WK_ADXL345_ERR_GLITCH}, {0xFF, WK_ADXL345_ERR_GLITCH}};
    wk_sample_t sample;
    bent_t bent;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bent_begin(&bent);
        bent.bent_reg = 0x38;
        bent.bent_bytes[0] = 0x8A;
        bent.bent_bytes[1] = rows[i].entries;
        CHECK_EQUAL(wk_adxl345_next(&bent.sensor, 40000, &sample), rows[i].status);
    }
}

static void test_a_count_past_a_rail_is_a_glitch_on_every_axis(void)
{
    static const struct {
        int count;
        wk_adxl345_status_t status;
    } rows[] = {{511, WK_ADXL345_OK}, {-512, WK_ADXL345_OK}, {512, WK_ADXL345_ERR_GLITCH},
                {-513, WK_ADXL345_ERR_GLITCH}, {-32768, WK_ADXL345_ERR_GLITCH}};
    wk_sample_t sample;
    bent_t bent;
    size_t i;
    uint8_t axis;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (axis = 0; axis < 3; axis++) {
            bent_begin(&bent);
            bent.bent_reg = 0x32;
            bent.bent_bytes[2 * axis] = (uint8_t)(rows[i].count & 0xFF);
            bent.bent_bytes[2 * axis + 1] = (uint8_t)((rows[i].count >> 8) & 0xFF);
            CHECK_EQUAL(wk_adxl345_next(&bent.sensor, 40000, &sample), rows[i].status);
        }
    }
}

/* --- the two buses --------------------------------------------------------------------------- */

static int refuse_transfer(void *context, uint8_t address, const uint8_t *out_bytes,
                           uint8_t out_len, uint8_t *in_bytes, uint8_t in_len)
{
    (void)context, (void)address, (void)out_bytes, (void)out_len, (void)in_bytes, (void)in_len;
    return 1;
}

static int refuse_exchange(void *context, uint8_t *bytes, uint8_t bytes_len)
{
    (void)context, (void)bytes, (void)bytes_len;
    return 1;
}

static void test_a_transfer_that_fails_is_no_answer(void)
{
    wk_i2c_t i2c = {refuse_transfer, NULL, WK_ADXL345_ADDRESS};
    wk_spi_t spi = {refuse_exchange, NULL, NULL};
    const wk_bus_t buses[2] = {wk_adxl345_i2c_bus(&i2c), wk_adxl345_spi_bus(&spi)};
    uint8_t byte = 0;
    size_t i;

    for (i = 0; i < 2; i++) {
        CHECK(buses[i].write(buses[i].context, 0x2D, 0) != 0);
        CHECK(buses[i].read(buses[i].context, 0x00, &byte, 1) != 0);
    }
}

/* --- words ----------------------------------------------------------------------------------- */

static void test_every_fault_has_its_own_words(void)
{
    static const struct {
        wk_adxl345_status_t status;
        uint8_t reg, got;
        const char *says;
    } rows[] = {
        {WK_ADXL345_ERR_NO_ANSWER, 0, 0, "No answer: check power, ground"},
        {WK_ADXL345_ERR_ID, 0, 0x72, "The device id reads 0x72, 0xE5 shifted by one bit"},
        {WK_ADXL345_ERR_ID, 0, 0xF2, "The device id reads 0xF2, 0xE5 shifted by one bit"},
        {WK_ADXL345_ERR_ID, 0, 0xCA, "The device id reads 0xCA, 0xE5 shifted up one bit"},
        {WK_ADXL345_ERR_ID, 0, 0xCB, "The device id reads 0xCB, 0xE5 shifted up one bit"},
        {WK_ADXL345_ERR_ID, 0, 0xA7, "The device id reads 0xA7, 0xE5 backwards"},
        {WK_ADXL345_ERR_ID, 0, 0x1A, "The device id reads 0x1A, 0xE5 with every bit inverted"},
        {WK_ADXL345_ERR_ID, 0, 0xE6, "The device id reads 0xE6, an ADXL346"},
        {WK_ADXL345_ERR_ID, 0, 0xAD, "The device id reads 0xAD, an ADXL362"},
        {WK_ADXL345_ERR_ID, 0, 0x00, "The device id reads 0x00 for every bit"},
        {WK_ADXL345_ERR_ID, 0, 0xFF, "The device id reads 0xFF for every bit"},
        {WK_ADXL345_ERR_ID, 0, 0x33, "The device id reads 0x33, an ADXL345 says 0xE5"},
        {WK_ADXL345_ERR_READ_BACK, 0x2C, 0x0A,
         "Register 0x2C was set to 0x09 but reads 0x0A: check for a loose wire, weak power"},
        {WK_ADXL345_ERR_SETTINGS, 0x38, 0x00,
         "Register 0x38 was set to 0x09 but reads 0x00 while running: its power dipped"},
        {WK_ADXL345_ERR_OVERRUN, 0, 0, "The sensor's buffer was full, samples were lost"},
        {WK_ADXL345_ERR_STALLED, 0, 0, "No sample for ten periods"},
        {WK_ADXL345_ERR_RATE, 0, 0, "The ADXL345 has no such output rate: 6.25, 12.5, 25, 50,"},
        {WK_ADXL345_ERR_GLITCH, 0, 0, "The sensor sent a value it cannot have"},
        {WK_ADXL345_ERR_MOVED, 0, 0, "The board moved during the self-test"},
        {WK_ADXL345_ERR_SELF_TEST, 0, 0, "Axis x does not follow"},
        {WK_ADXL345_ERR_SELF_TEST, 2, 0, "Axis z does not follow"},
    };
    char text[WK_ADXL345_EXPLAIN_MAX + 1];
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const wk_adxl345_fault_t fault = {rows[i].reg, 0x09, rows[i].got};
        const size_t len =
            wk_adxl345_explain(rows[i].status, &fault, text, WK_ADXL345_EXPLAIN_MAX);

        text[len] = '\0';
        if (strncmp(text, rows[i].says, strlen(rows[i].says)) != 0) {
            fprintf(stderr, "'%s' does not begin with '%s'\n", text, rows[i].says);
            exit(1);
        }
        CHECK(len > 0 && text[len - 1] == '.');
    }
}

int main(void)
{
    test_a_write_that_was_not_acknowledged_is_no_setup();
    test_a_read_that_fails_gives_no_sample();
    test_registers_are_shown_all_or_not_at_all();
    test_a_fifo_status_that_cannot_be_is_a_glitch();
    test_a_count_past_a_rail_is_a_glitch_on_every_axis();
    test_a_transfer_that_fails_is_no_answer();
    test_every_fault_has_its_own_words();
    puts("adxl345 on a bad bus: passed");
    return 0;
}
