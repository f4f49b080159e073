/* What is done to every value alike. */
#ifndef WK_ELEMENTWISE_H
#define WK_ELEMENTWISE_H

#include <stdint.h>

/* out[i] = table[in[i] + 128]: an activation function, worked out off line. in may be out. */
void wk_lookup(const int8_t *table, const int8_t *in, uint32_t count, int8_t *out);

/* The sum of two tensors of different scales. Each term is q - zero_point, shifted left by 20 and
 * brought to a common scale by multiplier and shift (wk_requantize.h); their sum is brought to the
 * output's. With WK_ROUND_FLOAT the terms are only multiplied, and the sum is shifted by shift[2],
 * ties up. */
typedef struct {
    int32_t multiplier[3]; /* first, second, sum */
    int8_t shift[3];
    int8_t zero_point[3];
    int8_t low;
    int8_t high;
} wk_add_t;

void wk_add(const wk_add_t *layer, const int8_t *first, const int8_t *second, uint32_t count,
            int8_t *out);

#endif
