/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Kinds of networks.
 */
#include "engine/net/net.h"

typedef CopNet *(*Constructor) (CopNicConfig *nic, GMainContext *context, GError **error);

static const Constructor constructors[] = {
  [COP_NET_USER] = cop_net_slirp_new,
  [COP_NET_TAP] = cop_net_tap_new,
};

CopNet *
cop_net_new (CopNicConfig *nic, GMainContext *context, CopNetReceive receive, gpointer data,
             GError **error)
{
  CopNet *net = constructors[nic->kind](nic, context, error);

  if (net == NULL)
    return NULL;
  net->receive = receive;
  net->data = data;
  return net;
}

void
cop_net_free (CopNet *net)
{
  if (net != NULL)
    net->ops->free (net);
}
