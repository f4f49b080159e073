/* Everything the wearable says, field by field, and the model it asks: what a host must be able to
 * believe. */
#include "app_bench.h"

static const wk_app_options_t both = {WK_FEATURE_SAMPLES | WK_FEATURE_PREDICTIONS, false, 0};

static void test_hello_says_what_the_board_and_the_model_are(void)
{
    static bench_t bench;

    bench_begin(&bench, false, WK_FEATURE_PREDICTIONS);
    run_ms(&bench, 100);
    CHECK_EQUAL(memcmp(bench.hello.uid, "unit-uid", 8), 0);
    CHECK_EQUAL(memcmp(bench.hello.model_id, fake.id, 8), 0);
    CHECK_EQUAL(bench.hello.supply_mv, 2500);
    CHECK_EQUAL(bench.hello.window, 100);
    CHECK_EQUAL(bench.hello.hop, 60);
    CHECK_EQUAL(bench.hello.heads_len, 2);
    CHECK_EQUAL(bench.hello.classes[0], 2);
    CHECK_EQUAL(bench.hello.classes[1], 1);
    CHECK_EQUAL(bench.hello.features & (WK_FEATURE_SAMPLES | WK_FEATURE_PREDICTIONS),
                WK_FEATURE_PREDICTIONS);
}

static void test_a_prediction_is_of_its_window_and_its_model(void)
{
    static bench_t bench;
    int16_t window[100][3];
    uint32_t i;

    bench_begin(&bench, false, 3);
    fake_bench = &bench;
    fake_takes_us = 900;
    run_ms(&bench, 2100);
    fake_takes_us = 300;
    run_ms(&bench, 3000);
    for (i = 0; i < 100; i++) {
        window[i][0] = (int16_t)((bench.window_first + 1 + i) % 400);
        window[i][1] = (int16_t)-window[i][0];
        window[i][2] = 256;
    }
    CHECK_EQUAL(bench.predictions, 3);
    CHECK_EQUAL(bench.window_first, 120);
    CHECK_EQUAL(bench.prediction.window_crc, wk_window_crc(window[0], 100));
    CHECK_EQUAL(memcmp(bench.prediction.model_id, fake.id, 8), 0);
    CHECK_EQUAL(bench.prediction.infer_us, 300);
    CHECK_EQUAL(bench.prediction.heads[0].zero_point, -5);
    CHECK_EQUAL(bench.prediction.heads[1].zero_point, 7);
    CHECK(bench.prediction.heads[1].scale == 0.5f);
    CHECK_EQUAL(bench.stats.max_infer_us, 900);
}

static uint32_t stack_left(void *context)
{
    (void)context;
    return 1234;
}

static void test_stats_count_what_happened(void)
{
    static bench_t bench;

    bench_begin(&bench, false, 3);
    bench.board.free_stack_bytes = stack_left;
    run_steps(&bench, 8000, 700); /* no whole milliseconds, which must not be lost */
    CHECK_EQUAL(bench.frames[WK_TYPE_STATS], 1);
    CHECK_EQUAL(bench.stats.uptime_ms, 5000);
    CHECK_EQUAL(bench.stats.samples_taken, (5000 - 21) / 20);
    CHECK_EQUAL(bench.stats.min_free_stack_bytes, 1234);
    CHECK_EQUAL(bench.stats.reset_cause, 3);
    CHECK_EQUAL(bench.stats.tx_dropped + bench.stats.bus_errors + bench.stats.fifo_overruns, 0);
}

static void test_a_slow_loop_loses_nothing(void)
{
    static bench_t bench;

    bench_begin(&bench, false, 3);
    run_steps(&bench, 300, 200000);
    CHECK_EQUAL(bench.frames[WK_TYPE_ERROR], 0);
    CHECK(bench.sample_count >= 2970);
    CHECK_EQUAL(bench.predictions, (bench.sample_count - 100) / 60 + 1);
}

static int16_t short_counts[30];

static int short_run(const int8_t *in, int8_t *out_logits)
{
    out_logits[0] = in[0];
    out_logits[1] = in[1];
    out_logits[2] = in[2];
    return fake_status;
}

static const wk_classifier_t short_model = {
    {8}, 10, 10, 50000, 0.015625f, 0, 2, 3, {{0, 2, 0, 1.0f}, {2, 1, 0, 1.0f}},
    short_run, 0, NULL, NULL, NULL, 1, short_counts, golden_logits,
};

/* Ten samples wait when the model has answered: the next window was there already. */
static void test_a_model_that_comes_late_is_counted(void)
{
    static bench_t bench;
    uint32_t late;

    bench_begin_with(&bench, &short_model, both, 0);
    run_steps(&bench, 100, 180000);
    late = bench.app.stats.late_inferences;
    CHECK_EQUAL(late, 0);
    run_steps(&bench, 1, 220000);
    bench.next = 0;
    run_steps(&bench, 1, 400000);
    CHECK(bench.app.stats.late_inferences > late);
}

static void test_a_model_without_a_stream_is_asked_whole_windows(void)
{
    const wk_app_options_t streaming = {WK_FEATURE_PREDICTIONS, true, 0};
    static bench_t bench;

    bench_begin_with(&bench, &short_model, streaming, 0);
    run_ms(&bench, 1000);
    CHECK_EQUAL(bench.predictions, 4);
}

static void test_a_model_that_fails_says_nothing(void)
{
    static bench_t bench;

    bench_begin(&bench, false, 3);
    fake_status = -1;
    run_ms(&bench, 5000);
    CHECK_EQUAL(bench.predictions, 0);
    CHECK(bench.sample_count > 200);
}

static void test_a_stream_begins_with_its_window_and_takes_no_sample_outside_it(void)
{
    static bench_t bench;
    uint32_t runs;

    bench_begin(&bench, true, WK_FEATURE_PREDICTIONS);
    fake_begins = fake_steps = 0;
    runs = fake_runs;
    run_ms(&bench, 5000);
    CHECK_EQUAL(bench.predictions, 3);
    CHECK_EQUAL(fake_runs - runs, 3);
    CHECK_EQUAL(fake_begins, 1);
    CHECK_EQUAL(fake_steps, bench.app.sensor.next_index / 4);
}

/* --- faults --------------------------------------------------------------------------------- */

static void test_a_fault_is_flagged_in_the_next_frame_and_in_no_other(void)
{
    static const struct {
        const char *spec;
        uint8_t flag;
    } rows[] = {{"3050:burst=40", WK_SAMPLES_OVERRUN}, {"3050:noise=64", WK_SAMPLES_BUS_ERROR}};
    static bench_t bench;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bench_begin(&bench, false, 3);
        CHECK_EQUAL(wk_adxl345_pace_faults(&bench.pace, rows[i].spec), 0);
        run_ms(&bench, 7000);
        CHECK_EQUAL(bench.flagged[rows[i].flag], 1);
        CHECK_EQUAL(bench.flagged[0] + 1, bench.frames[WK_TYPE_SAMPLES]);
    }
}

/* At 3.05 s three samples wait for their frame; at 2.05 s the step that runs the model is near. */
static void test_what_was_measured_before_a_fault_is_sent(void)
{
    static const char *const specs[] = {"3050:burst=40", "3050:noise=64", "2050:noise=64",
                                        "2010:noise=64"};
    static bench_t bench;
    size_t i;

    for (i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        bench_begin(&bench, false, 3);
        CHECK_EQUAL(wk_adxl345_pace_faults(&bench.pace, specs[i]), 0);
        run_ms(&bench, 7000);
        CHECK_EQUAL(bench.frames[WK_TYPE_ERROR], 1);
        CHECK_EQUAL(bench.sample_count + bench.app.batch.n, bench.app.stats.samples_taken);
    }
}

/* Four attempts in 3.5 s, also where the clock of 32 bits wraps. */
static void test_a_sensor_that_is_not_there_is_tried_once_a_second(void)
{
    static const uint64_t starts_us[] = {0, 0xFFFFFFFFu - 500000u};
    static bench_t bench;
    size_t i;

    for (i = 0; i < 2; i++) {
        bench_begin_with(&bench, &fake, both, starts_us[i]);
        bench.model.absent = true;
        run_ms(&bench, 3500);
        CHECK_EQUAL(bench.frames[WK_TYPE_ERROR], 4);
        CHECK_EQUAL(bench.error_code, WK_ERROR_SENSOR);
        CHECK_EQUAL(strcmp(bench.error_text,
                           "No answer: check power, ground, SDA and SCL, CS tied to VDD_IO,"), 0);
    }
}

static void test_a_hello_without_a_sensor_shows_no_registers_and_counts_the_bus(void)
{
    static bench_t bench;
    uint32_t errors;

    bench_begin(&bench, false, 3);
    run_ms(&bench, 3000);
    CHECK_EQUAL(bench.hello.devid, 0xE5);
    bench.model.absent = true;
    run_ms(&bench, 10);
    errors = bench.app.stats.bus_errors;
    run_ms(&bench, 5000);
    CHECK_EQUAL(bench.hello.devid, 0);
    CHECK_EQUAL(bench.hello.fifo_ctl, 0);
    /* Three HELLO and five attempts. */
    CHECK_EQUAL(bench.app.stats.bus_errors - errors, 3 + 5);
}

/* --- commands ------------------------------------------------------------------------------- */

static size_t raw_config(bench_t *bench, uint8_t streams, uint8_t samples_per_frame)
{
    wk_frame_writer_t writer;

    wk_frame_begin(&writer, bench->to_device, sizeof bench->to_device, WK_TYPE_CONFIG, 77);
    wk_frame_u8(&writer, streams);
    wk_frame_u8(&writer, samples_per_frame);
    return wk_frame_end(&writer);
}

static void test_a_configuration_that_is_not_legal_changes_nothing(void)
{
    static const uint8_t rows[][2] = {{0, 10}, {4, 10}, {1, 0}, {1, 33}};
    static bench_t bench;
    size_t i;

    bench_begin(&bench, false, 3);
    for (i = 0; i < 4; i++) {
        run_ms(&bench, 500);
        bench.ack.status = WK_ACK_OK;
        send_and_run(&bench, raw_config(&bench, rows[i][0], rows[i][1]));
        CHECK_EQUAL(bench.ack.status, WK_ACK_BAD_VALUE);
        CHECK_EQUAL(bench.ack.seq, 77);
    }
    run_ms(&bench, 3000);
    CHECK_EQUAL(bench.samples.n, 10);
    CHECK(bench.predictions > 0);
}

static void test_a_configuration_sends_what_waits_and_says_hello(void)
{
    static bench_t bench;
    uint32_t hellos, predictions;

    bench_begin(&bench, false, 3);
    run_ms(&bench, 3110);
    CHECK(bench.app.batch.n > 0);
    hellos = bench.frames[WK_TYPE_HELLO];
    send_and_run(&bench, raw_config(&bench, WK_FEATURE_PREDICTIONS, 10));
    CHECK_EQUAL(bench.next_index, bench.app.sensor.next_index);
    CHECK_EQUAL(bench.frames[WK_TYPE_HELLO], hellos + 1);
    CHECK_EQUAL(bench.hello.features & 3, WK_FEATURE_PREDICTIONS);
    run_ms(&bench, 1000);
    send_and_run(&bench, raw_config(&bench, WK_FEATURE_SAMPLES, 5));
    bench.next_index = bench.app.sensor.next_index - bench.app.batch.n;
    predictions = bench.predictions;
    run_ms(&bench, 3000);
    CHECK_EQUAL(bench.samples.n, 5);
    CHECK_EQUAL(bench.predictions, predictions);
}

static void test_stop_sends_what_waits_and_start_begins_a_new_run_at_once(void)
{
    static bench_t bench;
    uint32_t boot_id;
    uint8_t *wire = bench.to_device;

    bench_begin(&bench, false, 3);
    run_ms(&bench, 3110);
    CHECK(bench.app.batch.n > 0);
    send_and_run(&bench, wk_bare_encode(WK_TYPE_STOP, 9, wire, sizeof bench.to_device));
    CHECK_EQUAL(bench.next_index, bench.app.sensor.next_index);
    CHECK_EQUAL(bench.ack.seq, 9);
    send_and_run(&bench, wk_bare_encode(WK_TYPE_START, 10, wire, sizeof bench.to_device));
    boot_id = bench.hello.boot_id;
    run_ms(&bench, 3110);
    CHECK(bench.app.batch.n > 0);
    send_and_run(&bench, wk_bare_encode(WK_TYPE_START, 11, wire, sizeof bench.to_device));
    CHECK_EQUAL(bench.hello.boot_id, boot_id + 1);
    run_ms(&bench, 300);
    CHECK_EQUAL(bench.samples.first_index, 0);
    /* Also a moment after the last time. */
    send_and_run(&bench, wk_bare_encode(WK_TYPE_START, 12, wire, sizeof bench.to_device));
    CHECK_EQUAL(bench.hello.boot_id, boot_id + 2);
}

static void give(bench_t *bench, uint32_t first, int16_t count)
{
    wk_replay_t replay;
    uint8_t i;

    replay.first_index = first;
    replay.n = 20;
    for (i = 0; i < 20; i++) {
        replay.counts[i][0] = count;
        replay.counts[i][1] = (int16_t)((first + i) % 100);
        replay.counts[i][2] = 0;
    }
    bench->ack.status = WK_ACK_BUSY;
    send_and_run(bench, wk_replay_encode(&replay, 0, bench->to_device, sizeof bench->to_device));
    CHECK_EQUAL(bench->ack.status, WK_ACK_OK);
}

static void give_from(bench_t *bench, uint32_t first, uint32_t end)
{
    for (; first < end; first += 20) {
        give(bench, first, 4);
    }
}

static void test_a_replay_is_a_run_of_its_own(void)
{
    static bench_t bench;
    uint32_t waiting;

    bench_begin(&bench, false, 3);
    run_ms(&bench, 21 + 20 * 89);
    waiting = bench.app.sensor.next_index;
    CHECK_EQUAL(waiting % 10, 8);
    /* Its first index is the one that the sensor's next sample would have had. */
    give(&bench, waiting, 4);
    CHECK_EQUAL(bench.predictions, 0);
    CHECK_EQUAL(bench.sample_count, waiting + 20);
    give_from(&bench, waiting + 20, waiting + 100);
    CHECK_EQUAL(bench.predictions, 0); /* 60 samples of window 120, none of the sensor's */
    for (waiting = 0; waiting < 2; waiting++) {
        give_from(&bench, 0, 100);
        CHECK_EQUAL(bench.predictions, waiting + 1);
        CHECK_EQUAL(bench.window_first, 0);
    }
    send_and_run(&bench, wk_bare_encode(WK_TYPE_START, 1, bench.to_device, sizeof bench.to_device));
    run_ms(&bench, 2200);
    CHECK_EQUAL(bench.predictions, 3); /* the sensor's again */
}

static void test_a_stream_skips_what_no_window_holds(void)
{
    static bench_t bench;

    bench_begin(&bench, true, WK_FEATURE_PREDICTIONS);
    fake_steps = 0;
    give_from(&bench, 30, 170);
    CHECK_EQUAL(bench.predictions, 1);
    CHECK_EQUAL(bench.window_first, 60);
    CHECK_EQUAL(fake_steps, (170 - 60) / 4);
}

static void test_a_replay_that_is_not_legal_is_said_to_be(void)
{
    static bench_t bench;
    wk_frame_writer_t writer;

    bench_begin(&bench, false, 3);
    wk_frame_begin(&writer, bench.to_device, sizeof bench.to_device, WK_TYPE_REPLAY, 5);
    wk_frame_u32(&writer, 0);
    wk_frame_u8(&writer, 0);
    send_and_run(&bench, wk_frame_end(&writer));
    CHECK_EQUAL(bench.ack.status, WK_ACK_BAD_VALUE);
    CHECK_EQUAL(bench.ack.seq, 5);
}

static void test_a_frame_has_no_hole_and_flags_its_own_rails(void)
{
    static const int16_t at[] = {-512, 511, -511, 510};
    static bench_t bench;
    size_t i;

    bench_begin(&bench, false, WK_FEATURE_SAMPLES);
    send_and_run(&bench, raw_config(&bench, WK_FEATURE_SAMPLES, 30));
    for (i = 0; i < 4; i++) {
        give(&bench, 0, at[i]);
        memset(bench.flagged, 0, sizeof bench.flagged);
        give(&bench, 1000, 0);
        CHECK_EQUAL(bench.samples.first_index, 0);
        CHECK_EQUAL(bench.samples.n, 20);
        bench.next_index = 1000; /* the hole is meant */
        give(&bench, 0, 0);
        CHECK_EQUAL(bench.samples.first_index, 1000);
        CHECK_EQUAL(bench.flagged[WK_SAMPLES_RAIL], i < 2);
        CHECK_EQUAL(bench.flagged[0], i < 2 ? 1 : 2);
    }
    CHECK_EQUAL(bench.samples.t_us, (uint32_t)bench.now_us - 3000);
}

/* --- window and model ----------------------------------------------------------------------- */

static wk_window_status_t put(wk_window_t *window, uint32_t index)
{
    static const int16_t counts[3] = {1, 2, 3};

    return wk_window_push(window, index, counts);
}

static void test_an_index_that_goes_back_a_little_begins_anew_too(void)
{
    wk_window_t window;
    uint32_t i;

    memset(&window, 0xFF, sizeof window);
    CHECK(wk_window_begin(&window, 100, 60));
    for (i = 60; i < 80; i++) {
        CHECK(put(&window, i) != WK_WINDOW_SKIPPED);
    }
    CHECK_EQUAL(put(&window, 50), WK_WINDOW_SKIPPED);
    CHECK_EQUAL(put(&window, 60), WK_WINDOW_STARTED);
    CHECK(wk_window_begin(&window, 100, 60));
    CHECK_EQUAL(put(&window, 5), WK_WINDOW_SKIPPED);
    CHECK_EQUAL(put(&window, 0), WK_WINDOW_STARTED);
}

static int16_t known_counts[2][300];
static int8_t known_logits[2][3];

static int other_stream_logits(int8_t *out_logits)
{
    const int status = fake_logits(out_logits);

    out_logits[2]++;
    return status;
}

static int other_run(const int8_t *in, int8_t *out_logits)
{
    const int status = fake_run(in, out_logits);

    out_logits[2]++;
    return status;
}

static int failing_run(const int8_t *in, int8_t *out_logits)
{
    (void)fake_run(in, out_logits);
    return 1;
}

static int failing_stream_logits(int8_t *out_logits)
{
    (void)fake_logits(out_logits);
    return -1;
}

/* Every known answer is asked for, at once and as a stream, to its last logit. */
static void test_no_wrong_answer_passes_for_a_known_one(void)
{
    wk_classifier_t model = fake;
    int i, k;

    fake_bench = NULL;
    for (i = 0; i < 2; i++) {
        for (k = 0; k < 300; k++) {
            known_counts[i][k] = (int16_t)(4 * ((k + 90 * i) % 120) - 240);
        }
        known_logits[i][0] = (int8_t)(known_counts[i][0] / 4);
        known_logits[i][1] = (int8_t)(known_counts[i][150] / 4);
        known_logits[i][2] = (int8_t)(known_counts[i][297] / 4);
    }
    model.golden_len = 2;
    model.golden_counts = known_counts[0];
    model.golden_logits = known_logits[0];
    fake_begins = 0;
    CHECK(wk_classifier_known_answers(&model));
    CHECK_EQUAL(streamed_len, 0); /* nothing of them is left in the stream */
    CHECK_EQUAL(fake_begins, 3);
    for (i = 0; i < 6; i++) {
        known_logits[i / 3][i % 3]++;
        CHECK(!wk_classifier_known_answers(&model));
        known_logits[i / 3][i % 3]--;
    }
    model.run = other_run; /* the stream's answers stay right */
    CHECK(!wk_classifier_known_answers(&model));
    model.run = failing_run;
    CHECK(!wk_classifier_known_answers(&model));
    model.run = fake_run;
    CHECK(wk_classifier_known_answers(&model));
    model.logits = other_stream_logits;
    CHECK(!wk_classifier_known_answers(&model));
    model.logits = failing_stream_logits;
    CHECK(!wk_classifier_known_answers(&model));
    model.step = 0;
    CHECK(wk_classifier_known_answers(&model));
}

int main(void)
{
    test_hello_says_what_the_board_and_the_model_are();
    test_a_prediction_is_of_its_window_and_its_model();
    test_stats_count_what_happened();
    test_a_slow_loop_loses_nothing();
    test_a_model_that_comes_late_is_counted();
    test_a_model_without_a_stream_is_asked_whole_windows();
    test_a_model_that_fails_says_nothing();
    test_a_stream_begins_with_its_window_and_takes_no_sample_outside_it();
    test_a_fault_is_flagged_in_the_next_frame_and_in_no_other();
    test_what_was_measured_before_a_fault_is_sent();
    test_a_sensor_that_is_not_there_is_tried_once_a_second();
    test_a_hello_without_a_sensor_shows_no_registers_and_counts_the_bus();
    test_a_configuration_that_is_not_legal_changes_nothing();
    test_a_configuration_sends_what_waits_and_says_hello();
    test_stop_sends_what_waits_and_start_begins_a_new_run_at_once();
    test_a_replay_is_a_run_of_its_own();
    test_a_stream_skips_what_no_window_holds();
    test_a_replay_that_is_not_legal_is_said_to_be();
    test_a_frame_has_no_hole_and_flags_its_own_rails();
    test_an_index_that_goes_back_a_little_begins_anew_too();
    test_no_wrong_answer_passes_for_a_known_one();
    puts("app, said: passed");
    return 0;
}
