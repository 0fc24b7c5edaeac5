/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What commands about domains share: finding one by what the user typed, options that many have,
 * libvirt's words for its numbers.
 */
#pragma once

#include "vmtool/connection.h"

#include "driver/error.h"
#include "driver/wire/remote.h"
#include "xml/domain-config.h"

/* ---- rows of option tables ---- */

/* clang-format off */
#define VMT_OPTION_DOMAIN(completer)                                                              \
  { "domain", VMT_STRING, N_ ("name, id or UUID of the domain"), "DOMAIN", .required = true,      \
    .complete = completer }
#define VMT_OPTION_INACTIVE                                                                       \
  { "inactive", VMT_FLAG, N_ ("as the domain is defined, not as it runs") }
#define VMT_OPTIONS_AFFECT                                                                        \
  { "config", VMT_FLAG, N_ ("what is defined, for the next start") },                             \
  { "live", VMT_FLAG, N_ ("what runs now") },                                                     \
  { "current", VMT_FLAG, N_ ("what runs if it runs, else what is defined; the default") }
/* clang-format on */

/* Names of domains, for options that take one: of all, those that run, those that do not, those
   that are not paused, those that are paused. */
char **vmt_complete_domains (const char *prefix);
char **vmt_complete_active (const char *prefix);
char **vmt_complete_inactive (const char *prefix);
char **vmt_complete_running (const char *prefix);
char **vmt_complete_paused (const char *prefix);
char **vmt_complete_saved (const char *prefix);

/* libvirt's bits of flags that say what a change is made to. */
enum
{
  VMT_AFFECT_CURRENT = 0,
  VMT_AFFECT_LIVE = 1 << 0,
  VMT_AFFECT_CONFIG = 1 << 1,
};

/* Reads --config, --live and --current. Errors: %VMT_ERROR_USAGE for --current with another */
bool vmt_affect_flags (const VmtCall *call, uint32_t *flags, GError **error);

/* ---- one domain ---- */

typedef struct
{
  CopClient *client; /* (unowned): the connection */
  CopRemoteDomain dom; /* (owned): the handle, with name and UUID as the daemon has them */
} VmtDomain;

/**
 * vmt_domain_find:
 * @key: a name, id or UUID; an id before a name of digits, as virsh has it
 * @domain: zeroed; set on success
 *
 * Errors: %COP_DRIVER_ERROR_NO_DOMAIN with a name that comes close
 */
bool vmt_domain_find (CopClient *client, const char *key, VmtDomain *domain, GError **error);

/* Connects, and finds what the call's option "domain" names. */
bool vmt_domain_open (const VmtCall *call, VmtDomain *domain, GError **error);

void vmt_domain_clear (VmtDomain *domain);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VmtDomain, vmt_domain_clear)

/* VMT_DOMAIN_CALL (&domain, DOMAIN_GET_STATE, &args, &ret, error) */
#define VMT_DOMAIN_CALL(domain, NAME, args, ret, error)                                            \
  COP_REMOTE_CALL ((domain)->client, NAME, args, ret, error)

/* Opens the call's domain and makes a call that takes it and nothing else, @procedure. Prints
   @note, N_() with one %s for the name. */
bool vmt_domain_simple (VmtCall *call, int32_t procedure, const char *note, GError **error);

/* libvirt's state and reason. */
bool vmt_domain_state (const VmtDomain *domain, int *state, int *reason, GError **error);

bool vmt_domain_is_active (const VmtDomain *domain, bool *active, GError **error);

/**
 * vmt_domain_xml:
 * @flags: libvirt's VIR_DOMAIN_XML_*, as %CopDomainFormatFlags has them
 *
 * Returns: (transfer full): the document
 */
char *vmt_domain_xml (const VmtDomain *domain, uint32_t flags, GError **error);

/* Returns: (transfer full): the same, read */
CopDomainConfig *vmt_domain_config (const VmtDomain *domain, uint32_t flags, GError **error);

/* uuid must hold 37 bytes. */
#define VMT_UUID_SIZE 37

/* ---- all domains ---- */

/* libvirt's bits of CONNECT_LIST_ALL_DOMAINS and CONNECT_GET_ALL_DOMAIN_STATS. */
enum
{
  VMT_LIST_ACTIVE = 1 << 0,
  VMT_LIST_INACTIVE = 1 << 1,
  VMT_LIST_PERSISTENT = 1 << 2,
  VMT_LIST_TRANSIENT = 1 << 3,
  VMT_LIST_RUNNING = 1 << 4,
  VMT_LIST_PAUSED = 1 << 5,
  VMT_LIST_SHUTOFF = 1 << 6,
  VMT_LIST_OTHER = 1 << 7,
  VMT_LIST_MANAGED_SAVE = 1 << 8,
  VMT_LIST_NO_MANAGED_SAVE = 1 << 9,
  VMT_LIST_AUTOSTART = 1 << 10,
  VMT_LIST_NO_AUTOSTART = 1 << 11,
  VMT_LIST_SNAPSHOT = 1 << 12,
  VMT_LIST_NO_SNAPSHOT = 1 << 13,
  VMT_LIST_CHECKPOINT = 1 << 14,
  VMT_LIST_NO_CHECKPOINT = 1 << 15,
};

/* ---- results ---- */

/* A text of several lines, such as XML: as it is, or under @key in JSON. */
void vmt_print_document (VmtPrinter *printer, const char *key, const char *text);

/* What was made: nothing as text but the note, name and UUID in JSON. */
void vmt_print_domain (VmtPrinter *printer, const CopRemoteDomain *dom, const char *note);
