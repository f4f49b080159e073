/* What the engine's calls return: 0, or one negative reason. */
#ifndef WK_STATUS_H
#define WK_STATUS_H

#define WK_OK 0
#define WK_ERR_ARENA (-1) /* arena_len is smaller than the model's arena constant */
#define WK_ERR_ALIGN (-2) /* the arena does not start at a multiple of 4 */
#define WK_ERR_READY (-3) /* a stream has not seen a whole window yet */

#endif
