/* The few peripherals of Arm's MPS2 board (CMSDK) that the port uses. */
#ifndef WK_M4_H
#define WK_M4_H

#include <stdint.h>

#define WK_M4_TIMER 0x40000000u /* counts down at WK_M4_CLOCK_HZ */
#define WK_M4_TICK 0x40001000u  /* the same, reloaded: begins a turn of the program */
#define WK_M4_LINK 0x40004000u  /* UART 0: the serial link */
#define WK_M4_BUS 0x40005000u   /* UART 1: the registers of the sensor */
#define WK_M4_CLOCK_HZ 25000000u

/* Of the stack's 16 KB, what was never written. */
uint32_t wk_m4_free_stack_bytes(void *context);

#endif
