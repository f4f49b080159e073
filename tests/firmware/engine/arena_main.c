/* wk_model_run refuses an arena that is too small or not aligned, and writes nothing then; with a
 * good one it stays inside it. Exit status: the number of failures. */
#include <stdio.h>
#include <string.h>

#include "wk_model.h"

#define GUARD 64

static int32_t room[(WK_ARENA_BYTES + 2 * GUARD) / 4];
static int failures;

static void check(int holds, const char *what)
{
    if (!holds) {
        printf("not so: %s\n", what);
        failures++;
    }
}

static int untouched(const int8_t *bytes, size_t count, int8_t value)
{
    size_t i;

    for (i = 0; i < count && bytes[i] == value; i++) {
    }
    return i == count;
}

int main(void)
{
    static const int8_t window[WK_INPUT_LEN];
    int8_t *const arena = (int8_t *)room + GUARD;
    int8_t out[WK_OUTPUT_LEN];
    int8_t again[WK_OUTPUT_LEN];

    memset(room, 0x77, sizeof(room));
    memset(out, 0x55, sizeof(out));
    check(wk_model_run(arena, WK_ARENA_BYTES - 1, window, out) == WK_ERR_ARENA, "too small");
    check(wk_model_run(arena, 0, window, out) == WK_ERR_ARENA, "no arena at all");
    check(wk_model_run(arena + 2, WK_ARENA_BYTES, window, out) == WK_ERR_ALIGN, "not aligned");
    check(untouched(out, sizeof(out), 0x55), "an error leaves the logits alone");
    check(untouched((int8_t *)room, sizeof(room), 0x77), "an error leaves the arena alone");

    check(wk_model_run(arena, WK_ARENA_BYTES, window, out) == WK_OK, "just large enough");
    check(untouched((int8_t *)room, GUARD, 0x77), "nothing before the arena");
    check(untouched(arena + WK_ARENA_BYTES, GUARD, 0x77), "nothing after the arena");
    memset(arena, -1, WK_ARENA_BYTES);
    check(wk_model_run(arena, WK_ARENA_BYTES, window, again) == WK_OK, "a second time");
    check(memcmp(out, again, sizeof(out)) == 0, "what was in the arena does not matter");
    return failures;
}
