/* The driver and the text program against the register model: what is set up, what is read, and
 * that nothing lost or broken goes unsaid. */
#include <string.h>

#include "check.h"
#include "wk/wk_text_app.h"
#include "wk_adxl345_wires.h"

#define PERIOD_US 20000u

typedef struct {
    wk_adxl345_model_t model;
    wk_bus_t bus;
    wk_adxl345_t sensor;
    uint32_t now_us;
    int16_t next; /* each sample carries its own number in x */
} rig_t;

static void rig_reset(rig_t *rig, uint32_t now_us)
{
    wk_adxl345_model_reset(&rig->model);
    rig->bus = wk_adxl345_model_bus(&rig->model);
    rig->now_us = now_us;
    rig->next = 0;
}

static void tick(rig_t *rig, int samples)
{
    while (samples-- > 0) {
        const int16_t counts[3] = {rig->next, (int16_t)-rig->next, 256};

        rig->next = (int16_t)(rig->next == 500 ? 0 : rig->next + 1);
        rig->now_us += PERIOD_US;
        wk_adxl345_model_tick(&rig->model, counts);
    }
}

static wk_adxl345_status_t begin(rig_t *rig)
{
    return wk_adxl345_begin(&rig->sensor, &rig->bus, WK_ADXL345_DEFAULT_RATE_MHZ, rig->now_us);
}

static wk_adxl345_status_t next(rig_t *rig, wk_sample_t *out_sample)
{
    return wk_adxl345_next(&rig->sensor, rig->now_us, out_sample);
}

static void begin_well(rig_t *rig, uint32_t now_us)
{
    rig_reset(rig, now_us);
    CHECK_EQUAL(begin(rig), WK_ADXL345_OK);
}

static void test_setup_is_what_the_data_sheet_asks_for(void)
{
    rig_t rig;

    rig_reset(&rig, 0);
    memset(&rig.model.reg[0x1D], 0x0B, 0x30 - 0x1D); /* settings left by another program */
    rig.model.reg[0x31] = 0x0B;
    CHECK_EQUAL(begin(&rig), WK_ADXL345_OK);
    CHECK_EQUAL(rig.model.reg[0x1E], 0);
    CHECK_EQUAL(rig.model.reg[0x1F], 0);
    CHECK_EQUAL(rig.model.reg[0x20], 0);
    CHECK_EQUAL(rig.model.reg[0x2C], 0x09);
    CHECK_EQUAL(rig.model.reg[0x2D], 0x08);
    CHECK_EQUAL(rig.model.reg[0x2E], 0x00);
    CHECK_EQUAL(rig.model.reg[0x31], 0x08);
    CHECK_EQUAL(rig.model.reg[0x38], 0x8A);
    CHECK_EQUAL(rig.model.live_writes, 0);
    CHECK_EQUAL(wk_adxl345_model_rate_mhz(&rig.model), 50000);
}

static void test_samples_arrive_in_order_without_the_first(void)
{
    rig_t rig;
    wk_sample_t sample;
    int16_t i;

    begin_well(&rig, 0);
    tick(&rig, 1);
    CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_EMPTY);
    for (i = 1; i <= 300; i++) {
        tick(&rig, 1);
        CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_OK);
        CHECK_EQUAL(sample.index, i - 1);
        CHECK_EQUAL(sample.t_us, rig.now_us);
        CHECK_EQUAL(sample.counts[0], i);
        CHECK_EQUAL(sample.counts[1], -i);
        CHECK_EQUAL(sample.counts[2], 256);
        CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_EMPTY);
    }
    CHECK_EQUAL(rig.model.short_reads, 0);
    CHECK_EQUAL(rig.model.lost, 0);
}

static void test_a_late_reader_gets_every_sample_with_its_time(void)
{
    rig_t rig;
    wk_sample_t sample;
    uint32_t start_us;
    uint32_t i;

    begin_well(&rig, 0xFFFFFFFFu - 5 * PERIOD_US); /* the clock wraps in the middle */
    start_us = rig.now_us;
    tick(&rig, 31);
    CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_EMPTY);
    for (i = 0; i < 30; i++) {
        CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_OK);
        CHECK_EQUAL(sample.index, i);
        CHECK_EQUAL(sample.counts[0], i + 1);
        CHECK_EQUAL(sample.t_us, (uint32_t)(start_us + (i + 2) * PERIOD_US));
    }
    CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_EMPTY);
    CHECK_EQUAL(rig.model.lost, 0);
}

static void test_rails_pass_and_clip(void)
{
    static const int16_t hard[3] = {-700, 900, -512};
    rig_t rig;
    wk_sample_t sample;

    begin_well(&rig, 0);
    tick(&rig, 1);
    CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_EMPTY);
    wk_adxl345_model_tick(&rig.model, hard);
    CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_OK);
    CHECK_EQUAL(sample.counts[0], -512);
    CHECK_EQUAL(sample.counts[1], 511);
    CHECK_EQUAL(sample.counts[2], -512);
}

/* For every pause up to a second: either all samples came, in order, or an error said so. */
static void test_no_loss_goes_unsaid(void)
{
    int pause;

    for (pause = 1; pause <= 50; pause++) {
        rig_t rig;
        wk_sample_t sample;
        wk_adxl345_status_t status;
        int16_t expected = 1;

        begin_well(&rig, 0);
        tick(&rig, pause);
        do {
            status = next(&rig, &sample);
            if (status == WK_ADXL345_OK) {
                CHECK_EQUAL(sample.counts[0], expected++);
            }
        } while (status == WK_ADXL345_OK || (status == WK_ADXL345_EMPTY && rig.model.held_len));
        CHECK_EQUAL(status, pause < 32 ? WK_ADXL345_EMPTY : WK_ADXL345_ERR_OVERRUN);
        CHECK(status == WK_ADXL345_ERR_OVERRUN || rig.model.lost == 0);
        CHECK_EQUAL(begin(&rig), WK_ADXL345_OK); /* and the FIFO is empty again */
        CHECK_EQUAL(rig.model.held_len, 0);
    }
}

static void test_wrong_ids(void)
{
    static const uint8_t ids[] = {0x00, 0xFF, 0x72, 0xF2, 0x33};
    rig_t rig;
    size_t i;

    for (i = 0; i < sizeof ids; i++) {
        rig_reset(&rig, 0);
        rig.model.devid = ids[i];
        CHECK_EQUAL(begin(&rig), WK_ADXL345_ERR_ID);
        CHECK_EQUAL(rig.sensor.fault.got, ids[i]);
        CHECK_EQUAL(rig.model.reg[0x2D], 0); /* nothing was written to a stranger */
    }
    rig_reset(&rig, 0);
    rig.model.shifted = true;
    CHECK_EQUAL(begin(&rig), WK_ADXL345_ERR_ID);
    CHECK_EQUAL(rig.sensor.fault.got, 0x72);
}

static void test_every_register_is_read_back(void)
{
    static const struct {
        uint8_t reg, left, expected;
    } stuck[] = {{0x2D, 0x04, 0x00}, {0x2E, 0x80, 0x00}, {0x1E, 0x05, 0x00}, {0x1F, 0x05, 0x00},
                 {0x20, 0x05, 0x00}, {0x2C, 0x0A, 0x09}, {0x31, 0x0B, 0x08}, {0x38, 0x00, 0x8A}};
    size_t i;

    for (i = 0; i < sizeof stuck / sizeof stuck[0]; i++) {
        rig_t rig;

        rig_reset(&rig, 0);
        rig.model.stuck_reg = stuck[i].reg;
        rig.model.reg[stuck[i].reg] = stuck[i].left;
        CHECK_EQUAL(begin(&rig), WK_ADXL345_ERR_READ_BACK);
        CHECK_EQUAL(rig.sensor.fault.reg, stuck[i].reg);
        CHECK_EQUAL(rig.sensor.fault.expected, stuck[i].expected);
        CHECK_EQUAL(rig.sensor.fault.got, stuck[i].left);
    }
}

static void test_faults_while_running(void)
{
    rig_t rig;
    wk_sample_t sample;

    begin_well(&rig, 0);
    tick(&rig, 2);
    CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_EMPTY);
    rig.model.noise_xor = 0x40;
    CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_ERR_GLITCH);

    rig.model.absent = true;
    CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_ERR_NO_ANSWER);

    rig_reset(&rig, 0);
    CHECK_EQUAL(begin(&rig), WK_ADXL345_OK);
    wk_adxl345_model_reset(&rig.model); /* a brown-out: back to standby */
    CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_ERR_SETTINGS);
    CHECK_EQUAL(rig.sensor.fault.reg, 0x38);
    CHECK_EQUAL(rig.sensor.fault.expected, 0x8A);
    CHECK_EQUAL(rig.sensor.fault.got, 0x00);

    rig_reset(&rig, 0);
    CHECK_EQUAL(begin(&rig), WK_ADXL345_OK); /* its oscillator stops, its registers stay */
    rig.now_us += WK_ADXL345_STALL_US;
    CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_EMPTY);
    rig.now_us += 1;
    CHECK_EQUAL(next(&rig, &sample), WK_ADXL345_ERR_STALLED);
}

static void test_every_explanation_fits(void)
{
    static const uint8_t ids[] = {0x00, 0xFF, 0x72, 0xF2, 0xCA, 0xCB, 0xA7, 0x1A, 0xE6, 0xAD, 0x33};
    wk_adxl345_fault_t fault = {0x2C, 0x09, 0x0A};
    char text[WK_ADXL345_EXPLAIN_MAX];
    int status;
    size_t i;

    for (status = WK_ADXL345_OK; status <= WK_ADXL345_ERR_RATE; status++) {
        for (i = 0; i < sizeof ids; i++) {
            fault.got = ids[i];
            CHECK(wk_adxl345_explain((wk_adxl345_status_t)status, &fault, text, sizeof text) >= 9);
            CHECK_EQUAL(wk_adxl345_explain((wk_adxl345_status_t)status, &fault, text, 8), 0);
        }
    }
}

/* --- wires ---------------------------------------------------------------------------------- */

typedef struct {
    rig_t rig;
    wk_adxl345_wires_t wires;
    wk_i2c_t i2c;
    wk_spi_t spi;
} wired_t;

static void wired_reset(wired_t *wired, bool spi, uint32_t bus_hz)
{
    rig_reset(&wired->rig, 0);
    wk_adxl345_model_time(&wired->rig.model, 0);
    wired->wires.model = &wired->rig.model;
    wired->wires.bus_hz = bus_hz;
    wired->wires.busy_ns = 0;
    wired->i2c.transfer = wk_adxl345_wires_i2c;
    wired->i2c.context = &wired->wires;
    wired->i2c.address = WK_ADXL345_ADDRESS;
    wired->spi.exchange = wk_adxl345_wires_spi;
    wired->spi.wait_us = wk_adxl345_wires_wait;
    wired->spi.context = &wired->wires;
    wired->rig.bus = spi ? wk_adxl345_spi_bus(&wired->spi) : wk_adxl345_i2c_bus(&wired->i2c);
}

static int read_waiting(wired_t *wired, int samples)
{
    wk_sample_t sample;
    int16_t expected = 1;
    int read = 0;

    tick(&wired->rig, samples);
    CHECK_EQUAL(next(&wired->rig, &sample), WK_ADXL345_EMPTY); /* the transient */
    while (next(&wired->rig, &sample) == WK_ADXL345_OK) {
        read += sample.counts[0] == expected++ ? 1 : -100; /* nothing twice, nothing made up */
    }
    return read;
}

/* "Retrieving Data from FIFO": 5 us from the end of a data read to the next FIFO access; I2C and
 * SPI up to 1.6 MHz take that long anyway, above it the driver's bus must wait. */
static void test_no_bus_speed_breaks_the_5_us_rule(void)
{
    static const struct {
        bool spi;
        uint32_t bus_hz;
    } buses[] = {{false, 100000}, {false, 400000}, {true, 1000000}, {true, 1600000},
                 {true, 2000000}, {true, 5000000}};
    wired_t wired;
    size_t i;

    for (i = 0; i < sizeof buses / sizeof buses[0]; i++) {
        wired_reset(&wired, buses[i].spi, buses[i].bus_hz);
        CHECK_EQUAL(begin(&wired.rig), WK_ADXL345_OK);
        CHECK_EQUAL(read_waiting(&wired, 31), 30);
        CHECK_EQUAL(wired.rig.model.early_reads, 0);
        CHECK_EQUAL(wired.rig.model.short_reads, 0);
        CHECK_EQUAL(wired.rig.model.held_len - wired.rig.model.leaving, 0);
    }
}

static void test_a_fast_bus_without_the_wait_is_caught_by_the_model(void)
{
    wired_t wired;

    wired_reset(&wired, true, 5000000);
    wired.spi.wait_us = NULL;
    CHECK_EQUAL(begin(&wired.rig), WK_ADXL345_OK);
    CHECK(read_waiting(&wired, 31) < 30);
    CHECK(wired.rig.model.early_reads > 0);
}

static void test_wrong_address_and_missing_part(void)
{
    wired_t wired;

    wired_reset(&wired, false, 400000);
    wired.rig.model.address = WK_ADXL345_ADDRESS_ALT;
    CHECK_EQUAL(begin(&wired.rig), WK_ADXL345_ERR_NO_ANSWER);
    wired.i2c.address = WK_ADXL345_ADDRESS_ALT;
    CHECK_EQUAL(begin(&wired.rig), WK_ADXL345_OK);

    wired_reset(&wired, true, 1000000);
    wired.rig.model.absent = true; /* SPI cannot see who is missing, only that nobody drives */
    CHECK_EQUAL(begin(&wired.rig), WK_ADXL345_ERR_ID);
    CHECK_EQUAL(wired.rig.sensor.fault.got, 0xFF);
    CHECK(wired.rig.bus.read(wired.rig.bus.context, 0x32, (uint8_t[16]){0}, 9) != 0);
}

/* --- the program --------------------------------------------------------------------------- */

typedef struct {
    char text[4096];
    size_t len;
} paper_t;

static void write_paper(void *context, const char *text, size_t text_len)
{
    paper_t *paper = context;

    CHECK(text_len > 0 && text[text_len - 1] == '\n');
    CHECK(paper->len + text_len < sizeof paper->text);
    memcpy(paper->text + paper->len, text, text_len);
    paper->len += text_len;
    paper->text[paper->len] = '\0';
}

static int count_lines(const paper_t *paper, const char *start)
{
    const char *at = paper->text;
    int lines = 0;

    while (at != NULL && *at != '\0') {
        lines += strncmp(at, start, strlen(start)) == 0;
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1;
    }
    return lines;
}

static void run(rig_t *rig, wk_text_app_t *app, uint32_t steps, uint32_t step_us)
{
    while (steps-- > 0) {
        rig->now_us += step_us;
        (void)wk_text_app_step(app, rig->now_us);
    }
}

static void test_program_explains_once_a_second_until_the_sensor_is_there(void)
{
    rig_t rig;
    wk_text_app_t app;
    paper_t paper = {"", 0};

    rig_reset(&rig, 5);
    rig.model.absent = true;
    wk_text_app_begin(&app, &rig.bus, write_paper, &paper, WK_ADXL345_DEFAULT_RATE_MHZ,
                      rig.now_us);
    CHECK_EQUAL(paper.len, 0);
    run(&rig, &app, 3500, 1000);
    CHECK_EQUAL(count_lines(&paper, "#error No answer: "), 4);
    CHECK_EQUAL(count_lines(&paper, ""), 4);
    rig.model.absent = false;
    run(&rig, &app, 1000, 1000);
    CHECK_EQUAL(count_lines(&paper, "#wearkit text/1 "), 1);
}

static void test_program_repeats_its_header_and_restarts_from_zero(void)
{
    rig_t rig;
    wk_text_app_t app;
    paper_t paper = {"", 0};
    int i;

    rig_reset(&rig, 0);
    wk_text_app_begin(&app, &rig.bus, write_paper, &paper, WK_ADXL345_DEFAULT_RATE_MHZ,
                      rig.now_us);
    (void)wk_text_app_step(&app, rig.now_us);
    CHECK_EQUAL(count_lines(&paper, "#wearkit text/1 "), 1);
    for (i = 0; i < 499; i++) {
        tick(&rig, 1);
        (void)wk_text_app_step(&app, rig.now_us);
        paper.len = i < 490 ? 0 : paper.len;
    }
    CHECK_EQUAL(count_lines(&paper, "#"), 0);
    CHECK_EQUAL(count_lines(&paper, "497,9980000,"), 1);
    CHECK(strchr(paper.text, '*') != NULL); /* every line has its CRC */
    tick(&rig, 1);
    (void)wk_text_app_step(&app, rig.now_us);
    CHECK_EQUAL(count_lines(&paper, "#wearkit text/1 "), 1); /* ten seconds after the first */
    tick(&rig, 1);
    (void)wk_text_app_step(&app, rig.now_us);
    CHECK_EQUAL(count_lines(&paper, "#wearkit text/1 "), 1); /* and not with every line from now on */

    paper.len = 0;
    tick(&rig, 40);
    run(&rig, &app, 2, 100);
    CHECK_EQUAL(count_lines(&paper, "#restart The sensor's buffer was full"), 1);
    CHECK_EQUAL(count_lines(&paper, "#wearkit text/1 "), 1); /* at once: it had run for long */
    tick(&rig, 2);
    run(&rig, &app, 2, 100);
    CHECK_EQUAL(count_lines(&paper, "0,"), 1);
}

static void test_program_does_not_flood_when_the_sensor_keeps_failing(void)
{
    rig_t rig;
    wk_text_app_t app;
    paper_t paper = {"", 0};

    rig_reset(&rig, 0);
    wk_text_app_begin(&app, &rig.bus, write_paper, &paper, WK_ADXL345_DEFAULT_RATE_MHZ,
                      rig.now_us);
    run(&rig, &app, 5000, 1000); /* it starts, but no sample ever comes */
    CHECK_EQUAL(count_lines(&paper, "#restart No sample"), 5);
    CHECK_EQUAL(count_lines(&paper, "#wearkit text/1 "), 5);
    CHECK_EQUAL(count_lines(&paper, ""), 10);
}

int main(void)
{
    test_setup_is_what_the_data_sheet_asks_for();
    test_samples_arrive_in_order_without_the_first();
    test_a_late_reader_gets_every_sample_with_its_time();
    test_rails_pass_and_clip();
    test_no_loss_goes_unsaid();
    test_wrong_ids();
    test_every_register_is_read_back();
    test_faults_while_running();
    test_every_explanation_fits();
    test_no_bus_speed_breaks_the_5_us_rule();
    test_a_fast_bus_without_the_wait_is_caught_by_the_model();
    test_wrong_address_and_missing_part();
    test_program_explains_once_a_second_until_the_sensor_is_there();
    test_program_repeats_its_header_and_restarts_from_zero();
    test_program_does_not_flood_when_the_sensor_keeps_failing();
    puts("adxl345: passed");
    return 0;
}
