#ifndef WK_STANDIN_H
#define WK_STANDIN_H

#include <stdint.h>

void wk_standin_dot(const int8_t *in, const int8_t *weights, int8_t *out);
void wk_standin_halve(int8_t *logits);

#endif
