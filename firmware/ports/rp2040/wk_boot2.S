/* The second stage of the boot: what the ROM of an RP2040 copies to the end of RAM and calls.
 *
 * Sets the flash interface to the plain read command 03h, which every serial NOR flash knows, at a
 * quarter of the system clock (data sheet 4.10, "SSI"), so that flash can be read at 0x10000000. Then
 * it starts the program there, or goes back to its caller where there is one. It runs wherever
 * it is put, and with its checksum has exactly 256 bytes (data sheet 2.8.1.3.1): the build adds that. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .boot2, "ax"
    .global wk_boot2_entry
    .type wk_boot2_entry, %function
    .thumb_func
wk_boot2_entry:
    push {lr}
    ldr r3, ssi
    movs r0, #0
    str r0, [r3, #0x08]     /* SSIENR: off, or nothing may be changed */
    movs r0, #4
    str r0, [r3, #0x14]     /* BAUDR: the bit clock is clk_sys / 4 */
    ldr r0, ctrlr0
    str r0, [r3, #0x00]
    ldr r0, spi_ctrlr0
    adds r3, #0xF4          /* out of reach of an offset */
    str r0, [r3]            /* SPI_CTRLR0 */
    subs r3, #0xF4
    movs r0, #0
    str r0, [r3, #0x04]     /* CTRLR1: one frame of data a read */
    movs r0, #1
    str r0, [r3, #0x08]     /* SSIENR: on */
    pop {r0}
    cmp r0, #0
    bne back
    ldr r0, vectors
    ldr r1, vtor
    str r0, [r1]
    ldmia r0!, {r1, r2}
    msr msp, r1
    bx r2
back:
    bx r0
    .balign 4
ssi:
    .word 0x18000000
ctrlr0:
    .word 0x001F0300        /* one line, 32-bit frames, send then receive */
spi_ctrlr0:
    .word 0x03000218        /* command 03h of 8 bits, address of 24 */
vectors:
    .word 0x10000100
vtor:
    .word 0xE000ED08
