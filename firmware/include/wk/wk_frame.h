/* Frames of the binary protocol wearkit link/1 (docs/protocol.md).
 *
 *   wire:   00 COBS(frame) 00         frame: major, type, seq u16, payload, CRC-32 of all before it
 *
 * All numbers are little-endian. A frame of 8 to 254 bytes becomes exactly one byte longer, so 257
 * bytes hold any frame as sent. Nothing here keeps a copy of a frame: the writer stuffs while it
 * writes, the reader unstuffs in place.
 */
#ifndef WK_FRAME_H
#define WK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wk/wk_platform.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WK_LINK_MAJOR 1
#define WK_LINK_MINOR_MIN 0 /* the minor versions this code speaks */
#define WK_LINK_MINOR_MAX 0

#define WK_FRAME_MIN 8          /* without payload */
#define WK_FRAME_MAX 254        /* so that COBS adds one byte, no more */
#define WK_FRAME_PAYLOAD_MAX 246
#define WK_FRAME_ENCODED_MAX 256 /* more bytes than this without a 00 are no frame */
#define WK_FRAME_WIRE_MAX 257    /* both zeros, the COBS byte and the longest frame */

/* Device to host. */
#define WK_TYPE_HELLO 0x01
#define WK_TYPE_SAMPLES 0x02
#define WK_TYPE_PREDICTION 0x03
#define WK_TYPE_STATS 0x04
#define WK_TYPE_ERROR 0x05
#define WK_TYPE_PONG 0x06
#define WK_TYPE_ACK 0x07
/* Host to device. 0x46 to 0x49 are kept for loading a model. */
#define WK_TYPE_HELLO_REQUEST 0x41
#define WK_TYPE_CONFIG 0x42
#define WK_TYPE_START 0x43
#define WK_TYPE_STOP 0x44
#define WK_TYPE_PING 0x45
#define WK_TYPE_REPLAY 0x4A

/* --- writing ---------------------------------------------------------------------------------- */

/* Caller-owned; its fields are the writer's own. */
typedef struct {
    uint8_t *out;
    size_t max;
    size_t len;
    size_t code_at;
    uint32_t crc;
    uint8_t frame_len;
    bool failed;
} wk_frame_writer_t;

/* Begin a frame in out_wire (WK_FRAME_WIRE_MAX bytes always suffice). */
void wk_frame_begin(wk_frame_writer_t *out_writer, uint8_t *out_wire, size_t wire_max,
                    uint8_t type, uint16_t seq);
void wk_frame_u8(wk_frame_writer_t *writer, uint8_t value);
void wk_frame_u16(wk_frame_writer_t *writer, uint16_t value);
void wk_frame_u32(wk_frame_writer_t *writer, uint32_t value);
void wk_frame_f32(wk_frame_writer_t *writer, float value);
void wk_frame_bytes(wk_frame_writer_t *writer, const void *bytes, size_t bytes_len);
/* Add the CRC and the closing 00. Returns the length of the wire bytes, or 0 when the payload was
 * longer than WK_FRAME_PAYLOAD_MAX or the buffer too small. */
WK_MUST_CHECK size_t wk_frame_end(wk_frame_writer_t *writer);

/* --- reading ---------------------------------------------------------------------------------- */

/* One frame as received. `payload` points into the decoder's buffer and is good until its next
 * byte. Its length is the exact one of its type (wk_frame_length). */
typedef struct {
    uint8_t type;
    uint16_t seq;
    uint8_t payload_len;
    const uint8_t *payload;
} wk_frame_t;

typedef enum {
    WK_FRAME_NONE = 0,     /* the byte ended nothing */
    WK_FRAME_OK,           /* out_frame is a frame of ours, every check passed */
    WK_FRAME_BAD_COBS,     /* not byte-stuffed data */
    WK_FRAME_BAD_SIZE,     /* unstuffed, shorter than WK_FRAME_MIN or longer than WK_FRAME_MAX */
    WK_FRAME_BAD_CRC,      /* damaged */
    WK_FRAME_BAD_MAJOR,    /* whole, but of another major version */
    WK_FRAME_UNKNOWN_TYPE, /* whole, of a type that this version does not know: ignore it */
    WK_FRAME_BAD_LENGTH,   /* whole, but not as long as its type says: not accepted */
    WK_FRAME_OVERLONG      /* more than WK_FRAME_ENCODED_MAX bytes without a 00 */
} wk_frame_status_t;

/* Bytes by what they were; wrap at 2^32. received = frames + unknown + delimiters + rejected +
 * the bytes of a frame that has not ended (wk_frame_pending). */
typedef struct {
    uint32_t received;
    uint32_t frames;     /* WK_FRAME_OK */
    uint32_t unknown;    /* WK_FRAME_UNKNOWN_TYPE */
    uint32_t delimiters; /* every 00 */
    uint32_t rejected;   /* everything else that ended */
} wk_frame_bytes_t;

/* Caller-owned, written by wk_frame_decoder; `bytes` may be read. */
typedef struct {
    wk_frame_bytes_t bytes;
    uint32_t pending;
    uint8_t buffer[WK_FRAME_ENCODED_MAX];
} wk_frame_decoder_t;

void wk_frame_decoder(wk_frame_decoder_t *out_decoder);

/* Take one received byte, any byte. out_frame is written only with WK_FRAME_OK. Damage costs the
 * frame it hit, or two when it hit the zeros between them. */
WK_MUST_CHECK wk_frame_status_t wk_frame_push(wk_frame_decoder_t *decoder, uint8_t byte,
                                              wk_frame_t *out_frame);

/* Bytes received since the last 00: neither accepted nor rejected yet. */
uint32_t wk_frame_pending(const wk_frame_decoder_t *decoder);

typedef enum {
    WK_LENGTH_FITS = 0,
    WK_LENGTH_WRONG,
    WK_LENGTH_UNKNOWN_TYPE
} wk_length_t;

/* Whether a payload of this type is as long as its own counts say (docs/protocol.md). CRC-32 alone
 * lets through some fragments of frames, runs of FF above all; this rule does not. */
wk_length_t wk_frame_length(uint8_t type, const uint8_t *payload, uint8_t payload_len);

/* Little-endian numbers of a payload. */
uint16_t wk_frame_get_u16(const uint8_t *bytes);
uint32_t wk_frame_get_u32(const uint8_t *bytes);
float wk_frame_get_f32(const uint8_t *bytes);

#ifdef __cplusplus
}
#endif

#endif
