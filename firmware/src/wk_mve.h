#ifndef WK_MVE_H
#define WK_MVE_H
#endif
