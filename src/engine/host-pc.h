/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where a thread was when a signal came, by host.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#if defined (__x86_64__)

static inline bool
cop_host_has_pc (void)
{
  return true;
}

static inline uintptr_t
cop_host_pc (const void *context)
{
  return (uintptr_t) ((const ucontext_t *) context)->uc_mcontext.gregs[REG_RIP];
}

#else

static inline bool
cop_host_has_pc (void)
{
  return false;
}

static inline uintptr_t
cop_host_pc (const void *context)
{
  (void) context;
  return 0;
}

#endif
