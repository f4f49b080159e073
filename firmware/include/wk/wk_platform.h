/* What differs between an 8-bit AVR and everything else, and nothing more.
 *
 * On an AVR a const object still occupies RAM (2 KiB on an ATmega328P) unless it is placed in
 * flash, and flash is read by an instruction of its own. Declare tables `static const T name[]
 * WK_FLASH` and read them with WK_FLASH_U8/I8/I16/U32(address); elsewhere these are plain reads.
 */
#ifndef WK_PLATFORM_H
#define WK_PLATFORM_H

#include <stdint.h>

#if defined(__AVR__)
#include <avr/pgmspace.h>
#define WK_FLASH PROGMEM
#define WK_FLASH_U8(address) pgm_read_byte(address)
#define WK_FLASH_I8(address) ((int8_t)pgm_read_byte(address))
#define WK_FLASH_I16(address) ((int16_t)pgm_read_word(address))
#define WK_FLASH_U32(address) pgm_read_dword(address)
#else
#define WK_FLASH
#define WK_FLASH_U8(address) (*(const uint8_t *)(address))
#define WK_FLASH_I8(address) (*(const int8_t *)(address))
#define WK_FLASH_I16(address) (*(const int16_t *)(address))
#define WK_FLASH_U32(address) (*(const uint32_t *)(address))
#endif

#if defined(__GNUC__)
#define WK_MUST_CHECK __attribute__((warn_unused_result))
#else
#define WK_MUST_CHECK
#endif

#endif
