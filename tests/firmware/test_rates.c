/* Output rates: the part's code for each, and a program that measures at its model's rate. */
#include "app_bench.h"
#include "wk/wk_text_app.h"

typedef struct {
    uint32_t rate_mhz;
    uint8_t code, fifo_ctl, per_frame;
    uint32_t stall_us;
} rate_row_t;

/* Data sheet, Tables 7 and 8. The watermark is 200 ms of samples, at most half the FIFO. */
static const rate_row_t rows[] = {
    {6250, 0x06, 0x81, 1, 1600000},   {12500, 0x07, 0x82, 2, 800000},
    {25000, 0x08, 0x85, 5, 400000},   {50000, 0x09, 0x8A, 10, 200000},
    {100000, 0x0A, 0x90, 20, 200000}, {200000, 0x0B, 0x90, 32, 200000},
    {400000, 0x0C, 0x90, 32, 200000}, {800000, 0x0D, 0x90, 32, 200000},
};

#define ROWS (sizeof rows / sizeof rows[0])

static void test_every_rate_of_the_part_and_no_other_has_a_code(void)
{
    static const uint32_t none[] = {0,     1,      6249,   6251,    20000,   30000,   49999,  50001,
                                    60000, 120000, 799999, 1600000, 3200000, 3125000, 4294967295u};
    uint8_t code = 0x55;
    size_t i;

    for (i = 0; i < ROWS; i++) {
        CHECK(wk_adxl345_rate_code(rows[i].rate_mhz, &code));
        CHECK_EQUAL(code, rows[i].code);
    }
    code = 0x55;
    for (i = 0; i < sizeof none / sizeof none[0]; i++) {
        CHECK(!wk_adxl345_rate_code(none[i], &code));
        CHECK_EQUAL(code, 0x55);
    }
}

static void test_begin_sets_the_rate_and_refuses_another(void)
{
    wk_adxl345_model_t model;
    wk_adxl345_t sensor;
    const wk_bus_t bus = wk_adxl345_model_bus(&model);
    wk_sample_t sample;
    size_t i;

    for (i = 0; i < ROWS; i++) {
        wk_adxl345_model_reset(&model);
        CHECK_EQUAL(wk_adxl345_begin(&sensor, &bus, rows[i].rate_mhz, 0), WK_ADXL345_OK);
        CHECK_EQUAL(model.reg[0x2C], rows[i].code);
        CHECK_EQUAL(model.reg[0x38], rows[i].fifo_ctl);
        CHECK_EQUAL(wk_adxl345_model_rate_mhz(&model), rows[i].rate_mhz);
        CHECK_EQUAL(wk_adxl345_next(&sensor, rows[i].stall_us, &sample), WK_ADXL345_EMPTY);
        CHECK_EQUAL(wk_adxl345_next(&sensor, rows[i].stall_us + 1, &sample),
                    WK_ADXL345_ERR_STALLED);
    }
    wk_adxl345_model_reset(&model);
    CHECK_EQUAL(wk_adxl345_begin(&sensor, &bus, 60000, 0), WK_ADXL345_ERR_RATE);
    CHECK_EQUAL(model.reg[0x2C], 0x0A); /* as after power-on: the part was not touched */
    CHECK_EQUAL(model.reg[0x2D], 0x00);
}

/* The same model at each rate: what HELLO says, how many samples a second come, in frames of how
 * many, with which time between them. */
static void test_the_program_measures_at_its_model_s_rate(void)
{
    static bench_t bench;
    const wk_app_options_t both = {WK_FEATURE_SAMPLES | WK_FEATURE_PREDICTIONS, false, 0};
    size_t i;

    for (i = 0; i < ROWS; i++) {
        wk_classifier_t model = fake;
        uint32_t expected;

        model.rate_mhz = rows[i].rate_mhz;
        bench_begin_with(&bench, &model, both, 0);
        bench.pace.source_mhz = rows[i].rate_mhz;
        run_ms(&bench, 4000);
        CHECK_EQUAL(bench.hello.bw_rate, rows[i].code);
        CHECK_EQUAL(bench.hello.fifo_ctl, rows[i].fifo_ctl);
        CHECK_EQUAL(bench.app.samples_per_frame, rows[i].per_frame);
        CHECK_EQUAL(bench.frames[WK_TYPE_ERROR], 0);
        expected = (uint32_t)((uint64_t)(4000000 - 2100) * rows[i].rate_mhz / 1000000000u) - 1u;
        CHECK(bench.app.stats.samples_taken >= expected - 1);
        CHECK(bench.app.stats.samples_taken <= expected + 1);
        CHECK_EQUAL(bench.predictions,
                    bench.sample_count < 100 ? 0 : (bench.sample_count - 100) / 60 + 1);
    }
}

static void test_without_a_model_the_rate_is_an_option(void)
{
    static bench_t bench;
    wk_app_options_t samples = {WK_FEATURE_SAMPLES, false, 0};

    bench_begin_with(&bench, NULL, samples, 0);
    run_ms(&bench, 100);
    CHECK_EQUAL(bench.hello.bw_rate, 0x09);
    samples.rate_mhz = 25000;
    bench_begin_with(&bench, NULL, samples, 0);
    run_ms(&bench, 100);
    CHECK_EQUAL(bench.hello.bw_rate, 0x08);
}

static void test_a_rate_the_part_does_not_have_is_said_and_nothing_is_sent(void)
{
    static bench_t bench;
    const wk_app_options_t both = {WK_FEATURE_SAMPLES | WK_FEATURE_PREDICTIONS, false, 0};
    wk_classifier_t model = fake;

    model.rate_mhz = 60000;
    bench_begin_with(&bench, &model, both, 0);
    run_ms(&bench, 3000);
    CHECK_EQUAL(bench.frames[WK_TYPE_ERROR], 3);
    CHECK_EQUAL(bench.frames[WK_TYPE_SAMPLES] + bench.predictions, 0);
}

typedef struct {
    char text[4096];
    size_t len;
} paper_t;

static void write_paper(void *context, const char *text, size_t text_len)
{
    paper_t *paper = context;

    CHECK(paper->len + text_len < sizeof paper->text);
    memcpy(paper->text + paper->len, text, text_len);
    paper->len += text_len;
    paper->text[paper->len] = '\0';
}

static void test_lines_of_text_say_their_rate_up_to_what_the_line_takes(void)
{
    static const struct {
        uint32_t rate_mhz;
        const char *says;
    } texts[] = {{6250, " rate=6.25 "}, {12500, " rate=12.5 "}, {25000, " rate=25 "},
                 {200000, " rate=200 "}, {400000, "#error Lines of text at 115200 baud"},
                 {60000, "#error The ADXL345 has no such output rate: 6.25, 12.5,"}};
    size_t i;

    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        wk_adxl345_model_t model;
        const wk_bus_t bus = wk_adxl345_model_bus(&model);
        wk_text_app_t app;
        static paper_t paper;

        paper.len = 0;
        wk_adxl345_model_reset(&model);
        wk_text_app_begin(&app, &bus, write_paper, &paper, texts[i].rate_mhz, 0);
        CHECK(!wk_text_app_step(&app, 0));
        CHECK(strstr(paper.text, texts[i].says) != NULL);
    }
}

int main(void)
{
    test_every_rate_of_the_part_and_no_other_has_a_code();
    test_begin_sets_the_rate_and_refuses_another();
    test_the_program_measures_at_its_model_s_rate();
    test_without_a_model_the_rate_is_an_option();
    test_a_rate_the_part_does_not_have_is_said_and_nothing_is_sent();
    test_lines_of_text_say_their_rate_up_to_what_the_line_takes();
    printf("output rates: passed\n");
    return 0;
}
