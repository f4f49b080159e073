/* Ring, window grid and the wearable's program, with a made-up model and the register model. */
#include "app_bench.h"

/* --- ring ----------------------------------------------------------------------------------- */

static void test_ring_keeps_order_over_its_wrap_and_refuses_when_full(void)
{
    static wk_ring_t ring;
    wk_sample_t sample = {0, 0, {0, 0, 0}};
    uint32_t pushed = 0;
    uint32_t popped = 0;

    wk_ring_begin(&ring);
    CHECK(!wk_ring_pop(&ring, &sample));
    while (pushed < 200000) { /* beyond 65536, where head and tail wrap */
        while ((sample.index = pushed, wk_ring_push(&ring, &sample))) {
            pushed++;
        }
        CHECK_EQUAL(wk_ring_len(&ring), WK_RING_MAX);
        do {
            CHECK(wk_ring_pop(&ring, &sample));
            CHECK_EQUAL(sample.index, popped);
            popped++;
        } while (popped % 37 != 0 && wk_ring_len(&ring) > 0);
    }
}

/* --- window --------------------------------------------------------------------------------- */

static wk_window_status_t push(wk_window_t *window, uint32_t index)
{
    const int16_t counts[3] = {(int16_t)index, (int16_t)(index + 1), 7};

    return wk_window_push(window, index, counts);
}

static void test_windows_lie_on_the_grid(void)
{
    static const uint16_t shapes[][2] = {{100, 60}, {100, 100}, {4, 1}, {1, 1}, {7, 3}};
    wk_window_t window;
    size_t shape;
    uint32_t i;
    uint16_t at;

    for (shape = 0; shape < sizeof shapes / sizeof shapes[0]; shape++) {
        uint32_t next = 0;

        CHECK(wk_window_begin(&window, shapes[shape][0], shapes[shape][1]));
        for (i = 0; i < 1000; i++) {
            const bool full = push(&window, i) == WK_WINDOW_FULL;

            CHECK_EQUAL(full, i == next + shapes[shape][0] - 1);
            if (full) {
                CHECK_EQUAL(window.first_index, next);
                for (at = 0; at < shapes[shape][0]; at++) {
                    CHECK_EQUAL(window.counts[at][0], (int16_t)(next + at));
                }
                next += shapes[shape][1];
            }
        }
    }
    CHECK(!wk_window_begin(&window, 0, 1));
    CHECK(!wk_window_begin(&window, WK_WINDOW_MAX + 1, 1));
    CHECK(!wk_window_begin(&window, 10, 0));
    CHECK(!wk_window_begin(&window, 10, 11));
}

/* Every gap of up to 130 samples at every place: exactly the windows that it does not touch come. */
static void test_no_window_holds_a_gap(void)
{
    uint32_t gap_at, gap, i;

    for (gap_at = 0; gap_at < 140; gap_at++) {
        for (gap = 1; gap <= 130; gap += 3) {
            wk_window_t window;
            uint32_t seen = 0, expected = 0, start;

            CHECK(wk_window_begin(&window, 100, 60));
            for (i = 0; i < 600; i++) {
                if ((i < gap_at || i >= gap_at + gap) && push(&window, i) == WK_WINDOW_FULL) {
                    CHECK_EQUAL(window.first_index % 60, 0);
                    CHECK(window.first_index + 100 <= gap_at || window.first_index >= gap_at + gap);
                    CHECK_EQUAL(window.counts[0][0], (int16_t)window.first_index);
                    CHECK_EQUAL(window.counts[99][0], (int16_t)(window.first_index + 99));
                    seen++;
                }
            }
            for (start = 0; start + 100 <= 600; start += 60) {
                expected += start + 100 <= gap_at || start >= gap_at + gap;
            }
            CHECK_EQUAL(seen, expected);
        }
    }
}

static void test_an_index_that_goes_back_begins_anew(void)
{
    wk_window_t window;
    uint32_t i;

    CHECK(wk_window_begin(&window, 100, 60));
    for (i = 0; i < 130; i++) {
        (void)push(&window, i);
    }
    CHECK_EQUAL(push(&window, 0), WK_WINDOW_STARTED);
    for (i = 1; i < 99; i++) {
        CHECK_EQUAL(push(&window, i), WK_WINDOW_HELD);
    }
    CHECK_EQUAL(push(&window, 99), WK_WINDOW_FULL);
    CHECK_EQUAL(window.first_index, 0);
}

/* --- program -------------------------------------------------------------------------------- */

static void test_both_streams_and_both_ways_of_asking(void)
{
    static bench_t bench;
    int streaming;

    for (streaming = 0; streaming <= 1; streaming++) {
        bench_begin(&bench, streaming != 0, 3);
        run_ms(&bench, 60000);
        CHECK_EQUAL(bench.sample_count / 10, 2998 / 10);
        CHECK_EQUAL(bench.predictions, (2998 - 100) / 60 + 1);
        CHECK_EQUAL(bench.window_first, 60 * (bench.predictions - 1));
        CHECK_EQUAL(bench.logits[0], (bench.window_first + 1) % 400 / 4 + ((bench.window_first + 1) % 4 >= 2));
        CHECK_EQUAL(bench.frames[WK_TYPE_HELLO], 1 + 29);
        CHECK_EQUAL(bench.frames[WK_TYPE_STATS], 12);
        CHECK_EQUAL(bench.frames[WK_TYPE_ERROR], 0);
        CHECK_EQUAL(bench.stats.uptime_ms, 60000);
        CHECK_EQUAL(bench.stats.late_inferences, 0);
        CHECK_EQUAL(bench.hello.devid, 0xE5);
        CHECK_EQUAL(bench.hello.bw_rate, 0x09);
        CHECK_EQUAL(bench.hello.data_format, 0x08);
        CHECK_EQUAL(bench.hello.fifo_ctl, 0x8A);
        CHECK_EQUAL(bench.hello.boot_id, 101);
        CHECK_EQUAL(bench.hello.features, WK_FEATURE_SAMPLES | WK_FEATURE_PREDICTIONS |
                                              WK_FEATURE_SIMULATED | WK_FEATURE_COMMANDS |
                                              WK_FEATURE_KNOWN_ANSWERS | WK_FEATURE_REPLAY);
    }
}

static void test_one_stream_alone(void)
{
    static bench_t bench;

    bench_begin(&bench, false, WK_FEATURE_SAMPLES);
    run_ms(&bench, 5000);
    CHECK(bench.sample_count > 200 && bench.predictions == 0);
    bench_begin(&bench, false, WK_FEATURE_PREDICTIONS);
    run_ms(&bench, 5000);
    CHECK(bench.sample_count == 0 && bench.predictions == 3);
}

static void test_a_model_with_a_wrong_answer_is_never_asked(void)
{
    static bench_t bench;

    golden_logits[1] = 1;
    bench_begin(&bench, false, 3);
    CHECK_EQUAL(bench.error_code, WK_ERROR_MODEL);
    run_ms(&bench, 10000);
    golden_logits[1] = 0;
    CHECK_EQUAL(bench.predictions, 0);
    CHECK(bench.sample_count > 400);
    CHECK_EQUAL(bench.hello.features & WK_FEATURE_KNOWN_ANSWERS, 0);
    CHECK_EQUAL(bench.hello.heads_len, 0);
}

/* Each fault: an ERROR with the sensor's code, a new boot_id, index 0, and a counter. */
static void test_sensor_faults_begin_a_new_run(void)
{
    static const struct {
        const char *spec;
        uint32_t overruns, bus_errors;
    } rows[] = {{"3000:burst=40", 1, 0}, {"3000:brownout=1", 0, 1}, {"3000:noise=64", 0, 1},
                {"3000:refuse=1", 0, 1}};
    static bench_t bench;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bench_begin(&bench, false, 3);
        CHECK_EQUAL(wk_adxl345_pace_faults(&bench.pace, rows[i].spec), 0);
        run_ms(&bench, 7000);
        CHECK_EQUAL(bench.error_code, WK_ERROR_SENSOR);
        CHECK_EQUAL(bench.frames[WK_TYPE_ERROR], 1);
        CHECK_EQUAL(bench.hello.boot_id, 102);
        CHECK(bench.next_index > 150 && bench.next_index < 200);
        CHECK_EQUAL(bench.stats.fifo_overruns, rows[i].overruns);
        CHECK_EQUAL(bench.stats.bus_errors, rows[i].bus_errors);
    }
}

static void test_a_refused_frame_is_counted_and_shows_as_a_hole(void)
{
    static bench_t bench;

    bench_begin(&bench, false, 3);
    run_ms(&bench, 1000);
    bench.deaf = true;
    run_ms(&bench, 1000);
    bench.deaf = false;
    bench.next_index = bench.app.batch.first_index;
    run_ms(&bench, 4000);
    CHECK_EQUAL(bench.stats.tx_dropped, bench.next_seq - 0u - bench.frames[1] - bench.frames[2] -
                                            bench.frames[3] - bench.frames[4]);
    CHECK(bench.stats.tx_dropped >= 5);
}

/* --- commands ------------------------------------------------------------------------------- */

static void test_commands_are_answered(void)
{
    const wk_hello_request_t ask = {WK_LINK_MAJOR, 0, 5};
    const wk_hello_request_t newer = {WK_LINK_MAJOR, 7, 9};
    const wk_config_t config = {WK_FEATURE_SAMPLES, 1};
    static bench_t bench;
    uint8_t *wire = bench.to_device;
    uint32_t before;

    bench_begin(&bench, false, 3);
    run_ms(&bench, 100);
    before = bench.frames[WK_TYPE_HELLO];
    send_and_run(&bench, wk_hello_request_encode(&ask, 0, wire, sizeof bench.to_device));
    CHECK_EQUAL(bench.frames[WK_TYPE_HELLO], before + 1);
    send_and_run(&bench, wk_hello_request_encode(&newer, 1, wire, sizeof bench.to_device));
    CHECK_EQUAL(bench.error_code, WK_ERROR_VERSION);
    send_and_run(&bench, wk_nonce_encode(WK_TYPE_PING, 0xDEADBEEFu, 2, wire, sizeof bench.to_device));
    CHECK_EQUAL(bench.pong, 0xDEADBEEFu);
    send_and_run(&bench, wk_config_encode(&config, 3, wire, sizeof bench.to_device));
    CHECK_EQUAL(bench.ack.type, WK_TYPE_CONFIG);
    CHECK_EQUAL(bench.ack.status, WK_ACK_OK);
    run_ms(&bench, 1000);
    CHECK_EQUAL(bench.samples.n, 1);
    send_and_run(&bench, wk_bare_encode(WK_TYPE_STOP, 4, wire, sizeof bench.to_device));
    CHECK_EQUAL(bench.ack.type, WK_TYPE_STOP);
    before = bench.sample_count;
    run_ms(&bench, 1000);
    CHECK_EQUAL(bench.sample_count, before);
    send_and_run(&bench, wk_bare_encode(WK_TYPE_START, 5, wire, sizeof bench.to_device));
    run_ms(&bench, 100);
    CHECK_EQUAL(bench.frames[WK_TYPE_ACK], 3);
    CHECK_EQUAL(bench.next_index, bench.sample_count - before);
    CHECK_EQUAL(bench.hello.boot_id, 102);
}

static void test_replay_takes_the_sensor_s_place(void)
{
    static bench_t bench;
    wk_replay_t replay;
    uint32_t index;
    uint8_t i;

    bench_begin(&bench, false, WK_FEATURE_PREDICTIONS);
    run_ms(&bench, 3000);
    CHECK_EQUAL(bench.predictions, 1);
    for (index = 0; index < 160; index += 20) {
        replay.first_index = index;
        replay.n = 20;
        for (i = 0; i < 20; i++) {
            replay.counts[i][0] = (int16_t)(4 * (int16_t)(index + i) - 400);
            replay.counts[i][1] = 0;
            replay.counts[i][2] = 0;
        }
        send_and_run(&bench, wk_replay_encode(&replay, 0, bench.to_device, sizeof bench.to_device));
        CHECK_EQUAL(bench.ack.type, WK_TYPE_REPLAY);
        CHECK_EQUAL(bench.ack.status, WK_ACK_OK);
    }
    CHECK_EQUAL(bench.predictions, 3);
    CHECK_EQUAL(bench.window_first, 60);
    CHECK_EQUAL(bench.logits[0], -40);
    CHECK_EQUAL(bench.logits[1], 10);
    CHECK_EQUAL(bench.logits[2], 59);
}

int main(void)
{
    test_ring_keeps_order_over_its_wrap_and_refuses_when_full();
    test_windows_lie_on_the_grid();
    test_no_window_holds_a_gap();
    test_an_index_that_goes_back_begins_anew();
    test_both_streams_and_both_ways_of_asking();
    test_one_stream_alone();
    test_a_model_with_a_wrong_answer_is_never_asked();
    test_sensor_faults_begin_a_new_run();
    test_a_refused_frame_is_counted_and_shows_as_a_hole();
    test_commands_are_answered();
    test_replay_takes_the_sensor_s_place();
    puts("app: passed");
    return 0;
}
