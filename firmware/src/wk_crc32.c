#include "wk/wk_crc32.h"

#include "wk/wk_platform.h"

/* Reflected polynomial 0xEDB88320, four bits a step: 64 bytes of table instead of 1 KiB, and half
 * the steps of a table-free loop. Entry i is i shifted right four times with feedback. */
static const uint32_t nibble_table[16] WK_FLASH = {
    0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
    0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
    0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
};

uint32_t wk_crc32(uint32_t crc, const void *bytes, size_t bytes_len)
{
    const uint8_t *next = (const uint8_t *)bytes;

    crc = ~crc;
    while (bytes_len-- > 0) {
        crc ^= *next++;
        crc = (crc >> 4) ^ WK_FLASH_U32(&nibble_table[crc & 15u]);
        crc = (crc >> 4) ^ WK_FLASH_U32(&nibble_table[crc & 15u]);
    }
    return ~crc;
}
