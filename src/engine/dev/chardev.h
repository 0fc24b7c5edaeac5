/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The host side of a serial line: bytes between a device and descriptors.
 *
 *   device --> cop_chardev_write --> [ring of 64 KiB] --flush--> out_fd or client   \
 *                     |`-> config->counters->console, at once
 *                     `--> [LOG_SIZE] --flush--> log_fd
 *   device <-- ops->receive <------- as much as ops->can_receive says <-- in_fd     | I/O thread
 *                                                                                   /
 * Writing costs neither a system call nor, but for the first byte of a burst, a wake-up: the I/O
 * thread flushes a millisecond later. A reader that takes nothing for half a second while the ring
 * is full is given up on: bytes are dropped, as on a wire nobody listens to, until it reads again.
 */
#pragma once

#include "engine/config.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CopChardev CopChardev;

/* The device behind a chardev. Called on the I/O thread, no lock of the chardev held. */
typedef struct
{
  /* How many bytes receive() may be given; when 0, cop_chardev_accept_input() says that it changed.
   */
  size_t (*can_receive) (gpointer data);
  void   (*receive)     (gpointer data, const uint8_t *bytes, size_t length);
  /* cop_chardev_write() takes bytes again after it did not take all. */
  void   (*writable)    (gpointer data);
  /* Somebody is at the other end now, or no longer: see cop_chardev_is_open(). (nullable) */
  void (*opened) (gpointer data, bool open);
} CopChardevOps;

/**
 * cop_chardev_new:
 * @config: its descriptors are taken over and become -1
 * @context: (nullable): the I/O thread's; NULL: the default one
 *
 * A regular file, a terminal, a pipe, a socket or a listening socket. Nothing is read before
 * cop_chardev_connect().
 */
CopChardev *cop_chardev_new (CopConsoleConfig *config, GMainContext *context);

/* Flushes for at most a second and closes. On the I/O thread, or with it not running. */
void cop_chardev_free (CopChardev *chardev);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopChardev, cop_chardev_free)

/* Connects the device; @ops lives as long as the chardev. Reading begins. */
void cop_chardev_connect (CopChardev *chardev, const CopChardevOps *ops, gpointer data);

/* Whether somebody is at the other end: a client of a socket that is listened on, a socket that was
   not hung up. Files, terminals and nothing at all always are. On any thread. */
bool cop_chardev_is_open (CopChardev *chardev);

/**
 * cop_chardev_write:
 * Takes bytes for the reader; on any thread, never blocks.
 *
 * Returns: how many it took; when fewer than @length, ops->writable will be called
 */
size_t cop_chardev_write (CopChardev *chardev, const uint8_t *bytes, size_t length);

/* Says that can_receive() may have grown. On any thread; cheap when nobody waits for it. */
void cop_chardev_accept_input (CopChardev *chardev);

/**
 * cop_chardev_flush:
 * Writes what the ring holds, waiting for the reader for at most @timeout_ms. On any thread.
 *
 * Returns: whether all was written
 */
bool cop_chardev_flush (CopChardev *chardev, unsigned timeout_ms);

/* Bytes dropped because the reader took nothing. On any thread. */
uint64_t cop_chardev_dropped (CopChardev *chardev);
