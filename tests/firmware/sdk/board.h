/* What the stubs of all SDKs stand on: the sensor model, time, and frames to standard output.
 *
 *   program < samples > frames
 *
 * Standard input: x, y, z as little-endian int16 in 1/256 g, one for each conversion at the model's
 * rate; its end ends the program. */
#ifndef SDK_BOARD_H
#define SDK_BOARD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void sdk_begin(void);
uint64_t sdk_now_us(void);
/* Let time pass. Exits with 0 when the samples have ended. */
void sdk_pass_us(uint32_t us);
/* As wk_i2c_t.transfer. */
int sdk_i2c(uint8_t address, const uint8_t *out_bytes, uint8_t out_len, uint8_t *in_bytes,
            uint8_t in_len);
size_t sdk_send(const uint8_t *bytes, size_t bytes_len);

#ifdef __cplusplus
}
#endif

#endif
