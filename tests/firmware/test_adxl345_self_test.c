/* The driver's self-test of the part against the register model. */
#include <string.h>

#include "check.h"
#include "wk/wk_adxl345.h"
#include "wk_adxl345_pace.h"

typedef struct {
    wk_adxl345_model_t model;
    wk_adxl345_pace_t pace;
    uint64_t now_us;
    int16_t sway;
} lab_t;

static bool sway(void *context, int16_t out_counts[3])
{
    (void)context;
    memset(out_counts, 0, 3 * sizeof out_counts[0]);
    return true;
}

static uint32_t lab_now_us(void *context)
{
    lab_t *lab = context;

    lab->now_us += 500;
    lab->pace.counts[1] = (int16_t)(lab->sway * (int16_t)(lab->now_us / 10000 % 2));
    lab->pace.counts[2] = 256;
    wk_adxl345_pace_until(&lab->pace, lab->now_us);
    return (uint32_t)lab->now_us;
}

static wk_adxl345_status_t self_test(lab_t *lab, wk_adxl345_supply_t supply, int16_t out_change[3],
                                     wk_adxl345_fault_t *out_fault)
{
    const wk_bus_t bus = wk_adxl345_model_bus(&lab->model);
    const wk_clock_t clock = {lab_now_us, lab};
    wk_adxl345_t sensor;
    const wk_adxl345_status_t status =
        wk_adxl345_self_test(&sensor, &bus, &clock, supply, out_change);

    *out_fault = sensor.fault;
    return status;
}

static void lab_reset(lab_t *lab)
{
    wk_adxl345_model_reset(&lab->model);
    wk_adxl345_pace_begin(&lab->pace, &lab->model, sway, NULL);
    lab->now_us = 0;
    lab->sway = 0;
}

/* Table 1 (self-test response at 2.5 V) and Table 14 (its change with the supply). */
static void test_self_test_passes_what_moves_enough(void)
{
    static const int16_t least[3] = {50, -50, 75};
    lab_t lab;
    wk_adxl345_fault_t fault;
    int16_t change[3] = {0, 0, 0};
    int axis;

    lab_reset(&lab);
    CHECK_EQUAL(self_test(&lab, WK_ADXL345_2V5, change, &fault), WK_ADXL345_OK);
    CHECK_EQUAL(change[0], 295);
    CHECK_EQUAL(change[1], -295);
    CHECK_EQUAL(change[2], 475);
    CHECK_EQUAL(lab.model.reg[0x2D], 0); /* standby again */
    for (axis = 0; axis < 3; axis++) {
        lab_reset(&lab);
        memcpy(lab.model.self_test, least, sizeof least);
        CHECK_EQUAL(self_test(&lab, WK_ADXL345_2V5, change, &fault), WK_ADXL345_OK);
        lab.model.self_test[axis] = (int16_t)(least[axis] - (least[axis] > 0 ? 1 : -1));
        CHECK_EQUAL(self_test(&lab, WK_ADXL345_2V5, change, &fault), WK_ADXL345_ERR_SELF_TEST);
        CHECK_EQUAL(fault.reg, axis);
        CHECK_EQUAL(self_test(&lab, WK_ADXL345_2V0, change, &fault), WK_ADXL345_OK);
        CHECK_EQUAL(self_test(&lab, WK_ADXL345_3V3, change, &fault), WK_ADXL345_ERR_SELF_TEST);
    }
}

/* Table 14 for every supply: the least change passes, one count less on any axis does not, and the
 * part is in standby after either. */
static void test_each_supply_has_its_limits(void)
{
    static const int16_t least[4][3] = {
        {32, -32, 60}, {50, -50, 75}, {88, -88, 110}, {105, -105, 126}};
    lab_t lab;
    wk_adxl345_fault_t fault;
    int16_t change[3];
    int supply, axis;

    for (supply = 0; supply < 4; supply++) {
        for (axis = -1; axis < 3; axis++) {
            lab_reset(&lab);
            memcpy(lab.model.self_test, least[supply], sizeof least[supply]);
            if (axis >= 0) {
                lab.model.self_test[axis] =
                    (int16_t)(least[supply][axis] - (least[supply][axis] > 0 ? 1 : -1));
            }
            CHECK_EQUAL(self_test(&lab, (wk_adxl345_supply_t)supply, change, &fault),
                        axis < 0 ? WK_ADXL345_OK : WK_ADXL345_ERR_SELF_TEST);
            CHECK_EQUAL(lab.model.reg[0x2D], 0);
        }
    }
    lab_reset(&lab);
    memset(lab.model.self_test, 0, sizeof lab.model.self_test);
    CHECK_EQUAL(self_test(&lab, WK_ADXL345_2V5, change, &fault), WK_ADXL345_ERR_SELF_TEST);
    CHECK_EQUAL(fault.reg, 0); /* of three that fail the first is named */
}

/* A quarter of a g between the largest and the smallest, to either side. */
static void test_a_board_that_sways_is_told_to_lie_still(void)
{
    static const int16_t sways[] = {64, -64, 65, -65};
    lab_t lab;
    wk_adxl345_fault_t fault;
    int16_t change[3];
    size_t i;

    for (i = 0; i < 4; i++) {
        lab_reset(&lab);
        lab.sway = sways[i];
        CHECK_EQUAL(self_test(&lab, WK_ADXL345_2V5, change, &fault),
                    i < 2 ? WK_ADXL345_OK : WK_ADXL345_ERR_MOVED);
    }
}

static void test_self_test_says_what_went_wrong(void)
{
    lab_t lab;
    wk_adxl345_fault_t fault;
    int16_t change[3];

    lab_reset(&lab);
    lab.sway = 200;
    CHECK_EQUAL(self_test(&lab, WK_ADXL345_2V5, change, &fault), WK_ADXL345_ERR_MOVED);
    lab_reset(&lab);
    lab.model.absent = true;
    CHECK_EQUAL(self_test(&lab, WK_ADXL345_2V5, change, &fault), WK_ADXL345_ERR_NO_ANSWER);
    lab_reset(&lab);
    lab.model.stuck_reg = 0x2D; /* never measures */
    CHECK_EQUAL(self_test(&lab, WK_ADXL345_2V5, change, &fault), WK_ADXL345_ERR_READ_BACK);
    lab_reset(&lab);
    CHECK_EQUAL(wk_adxl345_pace_faults(&lab.pace, "100:brownout=1"), 0);
    CHECK_EQUAL(self_test(&lab, WK_ADXL345_2V5, change, &fault), WK_ADXL345_ERR_STALLED);
}

int main(void)
{
    test_self_test_passes_what_moves_enough();
    test_each_supply_has_its_limits();
    test_a_board_that_sways_is_told_to_lie_still();
    test_self_test_says_what_went_wrong();
    puts("adxl345 self-test: passed");
    return 0;
}
