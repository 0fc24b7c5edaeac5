/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Ownership of file descriptors: `cop_autofd int fd = open (...)` closes at scope end.
 */
#pragma once

#include <errno.h>
#include <unistd.h>

static inline void
cop_fd_clear (int *fd)
{
  if (*fd >= 0)
    {
      int saved = errno;

      close (*fd);
      errno = saved;
      *fd = -1;
    }
}

static inline int
cop_fd_steal (int *fd)
{
  int stolen = *fd;

  *fd = -1;
  return stolen;
}

#define cop_autofd __attribute__ ((cleanup (cop_fd_clear)))
