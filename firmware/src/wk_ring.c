#include "wk/wk_ring.h"

#define MASK (WK_RING_MAX - 1u)

typedef char wk_ring_max_is_a_power_of_two[(WK_RING_MAX & (WK_RING_MAX - 1)) == 0 ? 1 : -1];

void wk_ring_begin(wk_ring_t *out_ring)
{
    out_ring->head = 0;
    out_ring->tail = 0;
}

uint16_t wk_ring_len(const wk_ring_t *ring)
{
    return (uint16_t)(ring->head - ring->tail);
}

/* Member by member: what a copy of a whole volatile struct does is the compiler's choice. */
static void put(volatile wk_sample_t *out_place, const wk_sample_t *sample)
{
    uint8_t axis;

    out_place->index = sample->index;
    out_place->t_us = sample->t_us;
    for (axis = 0; axis < 3; axis++) {
        out_place->counts[axis] = sample->counts[axis];
    }
}

static void take(wk_sample_t *out_sample, const volatile wk_sample_t *place)
{
    uint8_t axis;

    out_sample->index = place->index;
    out_sample->t_us = place->t_us;
    for (axis = 0; axis < 3; axis++) {
        out_sample->counts[axis] = place->counts[axis];
    }
}

bool wk_ring_push(wk_ring_t *ring, const wk_sample_t *sample)
{
    if (wk_ring_len(ring) == WK_RING_MAX) {
        return false;
    }
    put(&ring->samples[ring->head & MASK], sample);
    ring->head = (uint16_t)(ring->head + 1); /* last: the other side may look at any time */
    return true;
}

bool wk_ring_pop(wk_ring_t *ring, wk_sample_t *out_sample)
{
    if (wk_ring_len(ring) == 0) {
        return false;
    }
    take(out_sample, &ring->samples[ring->tail & MASK]);
    ring->tail = (uint16_t)(ring->tail + 1); /* last: the place is the pusher's again */
    return true;
}
