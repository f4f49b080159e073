#include "wk/wk_writer.h"

#include "wk/wk_platform.h"

#define U32_DIGITS 10

wk_writer_t wk_writer(char *out_text, size_t text_max)
{
    wk_writer_t writer;

    writer.out = out_text;
    writer.max = text_max;
    writer.len = 0;
    writer.overflow = false;
    return writer;
}

void wk_write_char(wk_writer_t *writer, char value)
{
    if (writer->len == writer->max) {
        writer->overflow = true;
        return;
    }
    writer->out[writer->len++] = value;
}

void wk_write_flash(wk_writer_t *writer, const char *text)
{
    uint8_t value = WK_FLASH_U8(text);

    while (value != 0) {
        wk_write_char(writer, (char)value);
        value = WK_FLASH_U8(++text);
    }
}

void wk_write_u32(wk_writer_t *writer, uint32_t value)
{
    char digits[U32_DIGITS];
    uint8_t count = 0;

    do {
        digits[count++] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0);
    while (count > 0) {
        wk_write_char(writer, digits[--count]);
    }
}

void wk_write_i16(wk_writer_t *writer, int16_t value)
{
    int32_t wide = value; /* -(-32768) does not fit an AVR's int */

    if (wide < 0) {
        wk_write_char(writer, '-');
        wide = -wide;
    }
    wk_write_u32(writer, (uint32_t)wide);
}

void wk_write_hex(wk_writer_t *writer, uint32_t value, uint8_t digits)
{
    while (digits > 0) {
        const uint8_t nibble = (uint8_t)((value >> (4u * --digits)) & 15u);

        wk_write_char(writer, (char)(nibble < 10 ? '0' + nibble : 'A' + (nibble - 10)));
    }
}

size_t wk_writer_len(const wk_writer_t *writer)
{
    return writer->overflow ? 0 : writer->len;
}
