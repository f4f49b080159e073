/* CRC-32 as in zlib and Python's binascii.crc32: crc32("123456789") = 0xCBF43926. */
#ifndef WK_CRC32_H
#define WK_CRC32_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Continue `crc` (0 at the start) over `bytes`. Splitting the bytes over several calls gives the
 * same result as one call. bytes_len may be 0. */
uint32_t wk_crc32(uint32_t crc, const void *bytes, size_t bytes_len);

#ifdef __cplusplus
}
#endif

#endif
