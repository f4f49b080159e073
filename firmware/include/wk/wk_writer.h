/* Text into a caller's buffer, without printf and without a terminating zero.
 *
 * A writer never writes past `max`. What does not fit sets `overflow` and is dropped, so a caller
 * may write a whole line and ask once at the end.
 */
#ifndef WK_WRITER_H
#define WK_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    char *out;
    size_t max;
    size_t len;
    bool overflow;
} wk_writer_t;

wk_writer_t wk_writer(char *out_text, size_t text_max);
void wk_write_char(wk_writer_t *writer, char value);
/* `text` is a zero-terminated string declared WK_FLASH. */
void wk_write_flash(wk_writer_t *writer, const char *text);
void wk_write_u32(wk_writer_t *writer, uint32_t value);
void wk_write_i16(wk_writer_t *writer, int16_t value);
/* Upper-case hexadecimal, the lowest `digits` (1 to 8) digits of value. */
void wk_write_hex(wk_writer_t *writer, uint32_t value, uint8_t digits);
/* Bytes written, or 0 when anything did not fit (the buffer then holds the beginning). */
size_t wk_writer_len(const wk_writer_t *writer);

#ifdef __cplusplus
}
#endif

#endif
