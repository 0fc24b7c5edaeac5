/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What this build and this host can do, as libvirt's <capabilities> and <domainCapabilities>. Made
 * of the tables that the programs themselves use.
 */
#pragma once

#include "xml/domain-config.h"

/* What the caller knows of the host. */
typedef struct
{
  const uint8_t *uuid;          /* (nullable): 16 bytes: the host's UUID */
  const char    *arch;          /* "x86_64": reported as the host's architecture */
  const char    *emulator;      /* path of coppice-vm */
  uint64_t       memory;        /* bytes of the host's RAM */
  unsigned       cpus;          /* that can be used */
  unsigned       sockets, cores, threads;       /* 0: not known */
} CopHostInfo;

/* Returns: (transfer full): a <capabilities> document */
char *cop_capabilities_format (const CopHostInfo *host);

/**
 * cop_domain_capabilities_format:
 * @emulator, @arch, @machine, @virttype: (nullable): what the client asks about; NULL: the default
 *
 * Errors: %COP_XML_ERROR_UNSUPPORTED, naming what there is instead.
 *
 * Returns: (transfer full): a <domainCapabilities> document
 */
char *cop_domain_capabilities_format (const CopHostInfo *host, const char *emulator,
                                      const char *arch, const char *machine, const char *virttype,
                                      GError **error);
