#include "wk_model.h"

#include <string.h>

#include "wk_standin.h"

static const int8_t weights[WK_OUTPUT_LEN * WK_INPUT_LEN] = {
    1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12, 12, -11, 10, -9, 8, -7, 6, -5, 4, -3, 2, -1, //
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,                  //
    127, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -127,             //
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
};

int wk_model_run(void *arena, size_t arena_len, const int8_t *in, int8_t *out_logits)
{
    if (arena_len < WK_ARENA_BYTES) {
        return 1;
    }
    int8_t *copy = arena;
    memcpy(copy, in, WK_INPUT_LEN);
    wk_standin_dot(copy, weights, out_logits);
    wk_standin_halve(out_logits);
    return 0;
}
