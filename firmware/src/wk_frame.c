#include "wk/wk_frame.h"

#include <string.h>

#include "wk/wk_crc32.h"

#define CRC_LEN 4
#define HEAD_LEN 4 /* major, type, seq */

/* --- writing ---------------------------------------------------------------------------------- */

static void put_wire(wk_frame_writer_t *writer, uint8_t byte)
{
    if (writer->len == writer->max) {
        writer->failed = true;
        return;
    }
    writer->out[writer->len++] = byte;
}

/* A COBS block is a code, its own length, and that many bytes less one, none of them 0; a 0 that
 * ends a block is not written. Blocks never fill up here: a frame has at most 254 bytes. */
static void open_block(wk_frame_writer_t *writer)
{
    writer->code_at = writer->len;
    put_wire(writer, 1);
}

static void put_frame(wk_frame_writer_t *writer, uint8_t byte)
{
    if (writer->failed || writer->frame_len == WK_FRAME_MAX) {
        writer->failed = true;
        return;
    }
    writer->frame_len++;
    if (byte == 0) {
        open_block(writer);
        return;
    }
    put_wire(writer, byte);
    if (!writer->failed) {
        writer->out[writer->code_at]++;
    }
}

void wk_frame_begin(wk_frame_writer_t *out_writer, uint8_t *out_wire, size_t wire_max,
                    uint8_t type, uint16_t seq)
{
    out_writer->out = out_wire;
    out_writer->max = wire_max;
    out_writer->len = 0;
    out_writer->crc = 0;
    out_writer->frame_len = 0;
    out_writer->failed = false;
    put_wire(out_writer, 0);
    open_block(out_writer);
    wk_frame_u8(out_writer, WK_LINK_MAJOR);
    wk_frame_u8(out_writer, type);
    wk_frame_u16(out_writer, seq);
}

void wk_frame_bytes(wk_frame_writer_t *writer, const void *bytes, size_t bytes_len)
{
    const uint8_t *next = (const uint8_t *)bytes;

    writer->crc = wk_crc32(writer->crc, bytes, bytes_len);
    while (bytes_len-- > 0) {
        put_frame(writer, *next++);
    }
}

void wk_frame_u8(wk_frame_writer_t *writer, uint8_t value)
{
    wk_frame_bytes(writer, &value, 1);
}

void wk_frame_u16(wk_frame_writer_t *writer, uint16_t value)
{
    const uint8_t bytes[2] = {(uint8_t)(value & 0xFFu), (uint8_t)(value >> 8)};

    wk_frame_bytes(writer, bytes, sizeof bytes);
}

void wk_frame_u32(wk_frame_writer_t *writer, uint32_t value)
{
    wk_frame_u16(writer, (uint16_t)(value & 0xFFFFu));
    wk_frame_u16(writer, (uint16_t)(value >> 16));
}

void wk_frame_f32(wk_frame_writer_t *writer, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    wk_frame_u32(writer, bits);
}

size_t wk_frame_end(wk_frame_writer_t *writer)
{
    wk_frame_u32(writer, writer->crc);
    put_wire(writer, 0);
    return writer->failed ? 0 : writer->len;
}

/* --- reading ---------------------------------------------------------------------------------- */

uint16_t wk_frame_get_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | (uint16_t)((uint16_t)bytes[1] << 8));
}

uint32_t wk_frame_get_u32(const uint8_t *bytes)
{
    return wk_frame_get_u16(bytes) | (uint32_t)wk_frame_get_u16(bytes + 2) << 16;
}

float wk_frame_get_f32(const uint8_t *bytes)
{
    const uint32_t bits = wk_frame_get_u32(bytes);
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

void wk_frame_decoder(wk_frame_decoder_t *out_decoder)
{
    memset(out_decoder, 0, sizeof *out_decoder);
}

/* Unstuff in place. Returns the frame's length, one less than encoded_len, or 0 for what no encoder
 * makes: a block that runs past the end, or a full block that is not the only one. */
static uint16_t unstuff(uint8_t *bytes, uint16_t encoded_len)
{
    uint16_t at = 0;
    uint16_t len = 0;

    while (at < encoded_len) {
        const uint16_t block = bytes[at++];
        const uint16_t left = (uint16_t)(encoded_len - at);

        if (block - 1 > left || (block == 0xFF && encoded_len != 0xFF)) {
            return 0;
        }
        memmove(bytes + len, bytes + at, (size_t)block - 1);
        at = (uint16_t)(at + block - 1);
        len = (uint16_t)(len + block - 1);
        if (at < encoded_len) {
            bytes[len++] = 0;
        }
    }
    return len;
}

static wk_frame_status_t check(const uint8_t *frame, uint16_t len, wk_frame_t *out_frame)
{
    wk_length_t length;
    uint16_t crc_at;

    if (len == 0) {
        return WK_FRAME_BAD_COBS;
    }
    if (len < WK_FRAME_MIN || len > WK_FRAME_MAX) {
        return WK_FRAME_BAD_SIZE;
    }
    crc_at = (uint16_t)(len - CRC_LEN);
    if (wk_crc32(0, frame, crc_at) != wk_frame_get_u32(frame + crc_at)) {
        return WK_FRAME_BAD_CRC;
    }
    if (frame[0] != WK_LINK_MAJOR) {
        return WK_FRAME_BAD_MAJOR;
    }
    length = wk_frame_length(frame[1], frame + HEAD_LEN, (uint8_t)(crc_at - HEAD_LEN));
    if (length == WK_LENGTH_UNKNOWN_TYPE) {
        return WK_FRAME_UNKNOWN_TYPE;
    }
    if (length == WK_LENGTH_WRONG) {
        return WK_FRAME_BAD_LENGTH;
    }
    out_frame->type = frame[1];
    out_frame->seq = wk_frame_get_u16(frame + 2);
    out_frame->payload = frame + HEAD_LEN;
    out_frame->payload_len = (uint8_t)(crc_at - HEAD_LEN);
    return WK_FRAME_OK;
}

static wk_frame_status_t end_frame(wk_frame_decoder_t *decoder, wk_frame_t *out_frame)
{
    const uint32_t encoded_len = decoder->pending;
    wk_frame_status_t status = WK_FRAME_OVERLONG;

    decoder->pending = 0;
    if (encoded_len == 0) { /* the zero before a frame, after that of the one before */
        return WK_FRAME_NONE;
    }
    if (encoded_len <= WK_FRAME_ENCODED_MAX) {
        status = check(decoder->buffer, unstuff(decoder->buffer, (uint16_t)encoded_len), out_frame);
    }
    if (status == WK_FRAME_OK) {
        decoder->bytes.frames += encoded_len;
    } else if (status == WK_FRAME_UNKNOWN_TYPE) {
        decoder->bytes.unknown += encoded_len;
    } else {
        decoder->bytes.rejected += encoded_len;
    }
    return status;
}

wk_frame_status_t wk_frame_push(wk_frame_decoder_t *decoder, uint8_t byte, wk_frame_t *out_frame)
{
    decoder->bytes.received++;
    if (byte == 0) {
        decoder->bytes.delimiters++;
        return end_frame(decoder, out_frame);
    }
    if (decoder->pending < WK_FRAME_ENCODED_MAX) {
        decoder->buffer[decoder->pending] = byte;
    } else if (decoder->pending == UINT32_MAX) {
        /* 4 GiB without a zero: book all but the last ones, rather than count from 0 again. */
        decoder->bytes.rejected += decoder->pending - (WK_FRAME_ENCODED_MAX + 1u);
        decoder->pending = WK_FRAME_ENCODED_MAX + 1u;
    }
    decoder->pending++;
    return WK_FRAME_NONE;
}

uint32_t wk_frame_pending(const wk_frame_decoder_t *decoder)
{
    return decoder->pending;
}
