/* The ring between an interrupt and the main loop: a signal of this process is the interrupt. */
#define _XOPEN_SOURCE 700

#include <signal.h>
#include <sys/time.h>

#include "check.h"
#include "wk/wk_ring.h"

#define INTERRUPTS 500

static wk_ring_t ring;
static volatile sig_atomic_t interrupts;
static volatile uint32_t pushed;

static wk_sample_t made(uint32_t index)
{
    wk_sample_t sample;

    sample.index = index;
    sample.t_us = ~index;
    sample.counts[0] = (int16_t)index;
    sample.counts[1] = (int16_t)(index >> 3);
    sample.counts[2] = (int16_t)-sample.counts[0];
    return sample;
}

static void on_interrupt(int number)
{
    (void)number;
    for (;;) {
        const wk_sample_t sample = made(pushed);

        if (!wk_ring_push(&ring, &sample)) {
            break;
        }
        pushed++;
    }
    interrupts++;
}

static void check_whole(const wk_sample_t *sample, uint32_t index)
{
    const wk_sample_t expected = made(index);

    CHECK_EQUAL(sample->index, expected.index);
    CHECK_EQUAL(sample->t_us, expected.t_us);
    CHECK_EQUAL(sample->counts[0], expected.counts[0]);
    CHECK_EQUAL(sample->counts[1], expected.counts[1]);
    CHECK_EQUAL(sample->counts[2], expected.counts[2]);
}

static void test_what_an_interrupt_pushes_comes_whole_and_in_order(void)
{
    const struct itimerval every = {{0, 100}, {0, 100}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    struct sigaction action = {0};
    wk_sample_t sample;
    uint32_t popped = 0;

    wk_ring_begin(&ring);
    action.sa_handler = on_interrupt;
    CHECK_EQUAL(sigaction(SIGALRM, &action, NULL), 0);
    CHECK_EQUAL(setitimer(ITIMER_REAL, &every, NULL), 0);
    while (interrupts < INTERRUPTS) {
        if (wk_ring_pop(&ring, &sample)) {
            check_whole(&sample, popped++);
        }
    }
    CHECK_EQUAL(setitimer(ITIMER_REAL, &never, NULL), 0);
    while (wk_ring_pop(&ring, &sample)) {
        check_whole(&sample, popped++);
    }
    CHECK(popped > WK_RING_MAX);
    CHECK_EQUAL(popped, pushed);
}

static void test_a_full_ring_keeps_what_it_has(void)
{
    wk_sample_t sample;
    uint32_t i;

    wk_ring_begin(&ring);
    for (i = 0; i < WK_RING_MAX + 3; i++) {
        sample = made(i);
        CHECK_EQUAL(wk_ring_push(&ring, &sample), i < WK_RING_MAX);
    }
    CHECK_EQUAL(wk_ring_len(&ring), WK_RING_MAX);
    for (i = 0; i < WK_RING_MAX; i++) {
        CHECK(wk_ring_pop(&ring, &sample));
        check_whole(&sample, i);
    }
    CHECK(!wk_ring_pop(&ring, &sample));
    CHECK_EQUAL(sample.index, WK_RING_MAX - 1);
}

int main(void)
{
    test_what_an_interrupt_pushes_comes_whole_and_in_order();
    test_a_full_ring_keeps_what_it_has();
    printf("ring: passed\n");
    return 0;
}
