/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Scattered buffers, most often in guest memory.
 */
#pragma once

#include "engine/ram.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/**
 * cop_iov_read:
 * cop_iov_write:
 * Copy @length bytes at @offset out of or into @iov.
 *
 * Returns: bytes copied: fewer than @length at the end of @iov
 */
size_t cop_iov_read (const struct iovec *iov, unsigned n_iov, uint64_t offset, void *to,
                     size_t length);
size_t cop_iov_write (const struct iovec *iov, unsigned n_iov, uint64_t offset, const void *from,
                      size_t length);

/**
 * cop_iov_slice:
 * @out: (out): at least @n_iov elements; may be @iov
 *
 * Returns: number of segments in @out: the part of @iov at @offset, at most @length bytes
 */
unsigned cop_iov_slice (const struct iovec *iov, unsigned n_iov, uint64_t offset, uint64_t length,
                        struct iovec *out);

/* Tells RAM that the device wrote the first @length bytes of @iov. */
void cop_iov_written (CopRam *ram, const struct iovec *iov, unsigned n_iov, uint64_t length);
