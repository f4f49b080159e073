/* A stand-in with the interface of a generated model: 4 dot products over 24 inputs, halved. */
#ifndef WK_MODEL_H
#define WK_MODEL_H

#include <stddef.h>
#include <stdint.h>

#define WK_MODEL_ID "0123456789abcdef"
#define WK_ARENA_BYTES 32
#define WK_INPUT_LEN 24
#define WK_OUTPUT_LEN 4

/* Returns 0, or 1 when the arena is too small. */
int wk_model_run(void *arena, size_t arena_len, const int8_t *in, int8_t *out_logits);

#endif
