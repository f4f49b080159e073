/* The model's oscillator: rate, error, turn-on time, and faults at given times. */
#include "check.h"
#include "wk_adxl345_pace.h"

typedef struct {
    int given, end;
} feed_t;

static bool give(void *context, int16_t out_counts[3])
{
    feed_t *feed = context;

    if (feed->given == feed->end) {
        return false;
    }
    out_counts[0] = (int16_t)(feed->given++ % 500);
    out_counts[1] = 0;
    out_counts[2] = 256;
    return true;
}

static void pace_reset(wk_adxl345_pace_t *pace, wk_adxl345_model_t *model, feed_t *feed)
{
    feed->given = 0;
    feed->end = 1 << 30;
    wk_adxl345_model_reset(model);
    wk_adxl345_model_write(model, 0x31, 0x08);
    wk_adxl345_model_write(model, 0x38, 0x8A);
    wk_adxl345_model_write(model, 0x2D, 0x08);
    wk_adxl345_model_write(model, 0x2C, 0x09);
    wk_adxl345_pace_begin(pace, model, give, feed);
}

/* Table 1: turn-on time is 1.1 ms and a period. The rate's error is the oscillator's. */
static void test_conversions_come_at_the_rate_with_its_error(void)
{
    static const struct {
        int32_t error_ppm;
        uint32_t taken;
    } rows[] = {{0, 50000}, {-15000, 49250}, {20000, 51000}};
    wk_adxl345_model_t model;
    wk_adxl345_pace_t pace;
    feed_t feed;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pace_reset(&pace, &model, &feed);
        pace.error_ppm = rows[i].error_ppm;
        pace.jitter_us = 500;
        wk_adxl345_pace_until(&pace, 0);
        wk_adxl345_pace_until(&pace, 1000u * 1000000u + 1100u + 500u);
        CHECK_EQUAL(model.taken, rows[i].taken);
        CHECK_EQUAL(feed.given, rows[i].taken);
    }
}

static void test_turn_on_time(void)
{
    wk_adxl345_model_t model;
    wk_adxl345_pace_t pace;
    feed_t feed;

    pace_reset(&pace, &model, &feed);
    wk_adxl345_pace_until(&pace, 7000000);
    wk_adxl345_pace_until(&pace, 7000000 + 21099);
    CHECK_EQUAL(model.taken, 0);
    wk_adxl345_pace_until(&pace, 7000000 + 21100);
    CHECK_EQUAL(model.taken, 1);
    feed.end = 5;
    wk_adxl345_pace_until(&pace, 8000000);
    CHECK(pace.ended);
    CHECK_EQUAL(model.taken, 5);
}

static void test_faults_happen_in_their_order(void)
{
    wk_adxl345_model_t model;
    wk_adxl345_pace_t pace;
    feed_t feed;

    pace_reset(&pace, &model, &feed);
    CHECK_EQUAL(wk_adxl345_pace_faults(&pace, "100:burst=3,100:devid=0x72,200:frozen=1"), 0);
    wk_adxl345_pace_until(&pace, 0);
    wk_adxl345_pace_until(&pace, 100000);
    CHECK_EQUAL(model.taken, 4 + 3); /* at 21, 41, 61 and 81 ms, and the burst */
    CHECK_EQUAL(model.devid, 0x72);
    wk_adxl345_pace_until(&pace, 400000);
    CHECK_EQUAL(model.held[model.held_len - 1][0], model.held[model.held_len - 2][0]);
    CHECK_EQUAL(wk_adxl345_pace_faults(&pace, "500:brownout=1"), 0);
    wk_adxl345_pace_until(&pace, 2000000);
    CHECK_EQUAL(model.reg[0x2D], 0);
    CHECK_EQUAL(model.held_len, 0);
}

static void test_bad_fault_specifications_are_refused_at_their_place(void)
{
    static const struct {
        const char *spec;
        uint32_t place;
    } rows[] = {{"", 0},        {"5", 1},           {"5:what=1", 1},    {"5:absent", 1},
                {"5:absent=", 10}, {"5:absent=1,", 12}, {"5:absent=1 ", 10}, {"5:devid=256", 9},
                {"9:mute=1,5:mute=0", 10}, {"5:burst=-1", 9}, {"0:rate=-15000", 0},
                {"0:stuck=0x2C,1:noise=64,2:refuse=3", 0}};
    wk_adxl345_model_t model;
    wk_adxl345_pace_t pace;
    feed_t feed;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pace_reset(&pace, &model, &feed);
        CHECK_EQUAL(wk_adxl345_pace_faults(&pace, rows[i].spec), rows[i].place);
    }
}

int main(void)
{
    test_conversions_come_at_the_rate_with_its_error();
    test_turn_on_time();
    test_faults_happen_in_their_order();
    test_bad_fault_specifications_are_refused_at_their_place();
    puts("adxl345 pace: passed");
    return 0;
}
