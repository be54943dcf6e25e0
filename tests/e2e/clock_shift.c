// Preloaded by test_identity.py: the wall clock of the program is CLOCK_SHIFT_S seconds off.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec* out) {
  static int (*real)(clockid_t, struct timespec*);
  if (real == NULL) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  const int code = real(clock, out);
  const char* shift = getenv("CLOCK_SHIFT_S");
  if (code == 0 && clock == CLOCK_REALTIME && shift != NULL) out->tv_sec += atol(shift);
  return code;
}
