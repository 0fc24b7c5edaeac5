/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The host side of a network card: frames between a device and whatever carries them on.
 *
 *   device --> ops->send ----> libslirp, a tap ...
 *   device <-- receive() <---- at its own time; when the device has no room (false), the frame
 *              waits until ops->ready says that there is some again
 *
 * All on the I/O thread, no lock held. Frames begin with the Ethernet header; what is left to do to
 * them (checksums, segmentation) stands in the header of VIRTIO 1.2 §5.1.6.
 */
#pragma once

#include "engine/config.h"

#include <glib.h>
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ethernet header with a VLAN tag, and the largest IP packet. */
#define COP_NET_MAX_FRAME (18 + 65535)

typedef struct CopNet CopNet;

/* Returns: false when there is no room now; the frame is to be offered again after ops->ready */
typedef bool (*CopNetReceive) (gpointer data, const struct virtio_net_hdr_v1 *header,
                               const uint8_t *frame, size_t length);

typedef struct
{
  const char *name;
  /* @frame may be changed. What cannot be sent is dropped. */
  void (*send)         (CopNet *net, const struct virtio_net_hdr_v1 *header, uint8_t *frame,
                        size_t length);
  void (*ready)        (CopNet *net);
  /* The driver accepted these features of VIRTIO 1.2 §5.1.3. On any thread. (nullable) */
  void (*set_features) (CopNet *net, uint64_t features);
  void (*free)         (CopNet *net);
} CopNetOps;

/* What every kind begins with. */
struct CopNet
{
  const CopNetOps *ops;
  uint64_t         features;    /* offered on its behalf: VIRTIO_NET_F_* */
  uint16_t         mtu;         /* bytes; with VIRTIO_NET_F_MTU */
  CopNetReceive    receive;
  gpointer         data;
};

/**
 * cop_net_new:
 * @nic: a descriptor in it is taken over on success and -1 then
 * @context: the I/O thread's
 *
 * Errors: %G_IO_ERROR, naming port or descriptor.
 */
CopNet *cop_net_new (CopNicConfig *nic, GMainContext *context, CopNetReceive receive, gpointer data,
                     GError **error);

/* On the I/O thread, or with it not running. */
void cop_net_free (CopNet *net);

/* The kinds; called by cop_net_new(), which fills receive and data. */
CopNet *cop_net_slirp_new (CopNicConfig *nic, GMainContext *context, GError **error);
CopNet *cop_net_tap_new (CopNicConfig *nic, GMainContext *context, GError **error);
