/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Parts of a domain's configuration: single devices, metadata, and what changed between two.
 */
#pragma once

#include "common/names.h"
#include "xml/domain-config.h"

typedef enum
{
  COP_DEVICE_DISK,
  COP_DEVICE_CONTROLLER,
  COP_DEVICE_INTERFACE,
  COP_DEVICE_SERIAL,
  COP_DEVICE_CONSOLE,
  COP_DEVICE_CHANNEL,
  COP_DEVICE_MEMBALLOON,
  COP_DEVICE_RNG,
  COP_DEVICE_LAST,
} CopDeviceKind;

extern const CopNames cop_device_kind_names;    /* "disk", "controller", ...: the elements' names */

/* A device on its own, as attach, detach and update have it. */
typedef struct
{
  CopDeviceKind kind;
  union
  {
    gpointer             any;
    CopDomainDisk       *disk;
    CopDomainController *controller;
    CopDomainInterface  *interface;
    CopDomainChardev    *chardev;
    CopDomainMemballoon *memballoon;
    CopDomainRng        *rng;
  };                            /* (owned) */
} CopDomainDevice;

void cop_domain_device_free (CopDomainDevice *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopDomainDevice, cop_domain_device_free)

/**
 * cop_domain_device_parse:
 * @text: one device element, such as "<interface type='user'>...</interface>"
 *
 * As cop_domain_config_parse(), for a device alone.
 */
CopDomainDevice *cop_domain_device_parse (const char *text, gsize length, const char *label,
                                          unsigned flags, GPtrArray *notes, GError **error);
char *cop_domain_device_format (const CopDomainDevice *device, unsigned flags);

/* Returns: (transfer none) (nullable) */
const char *cop_domain_device_alias (CopDeviceKind kind, gconstpointer device);

/* Returns: (transfer none): the list of devices of this kind in @config */
GPtrArray *cop_domain_config_devices (const CopDomainConfig *config, CopDeviceKind kind);

/* Adds a device that says nothing yet. Returns: (transfer none): the device, in @config */
gpointer cop_domain_config_add_device (CopDomainConfig *config, CopDeviceKind kind);

/**
 * cop_domain_config_find_device:
 * @device: as a client describes it: a disk by target, an interface by MAC address (if it has one)
 *   and type, others by target port, name or alias
 * @index: (out) (optional): where in the list
 *
 * Errors: %COP_XML_ERROR_MISSING where none matches, _CONFLICT where several do.
 *
 * Returns: (transfer none) (nullable): the device in @config
 */
gpointer cop_domain_config_find_device (const CopDomainConfig *config,
                                        const CopDomainDevice *device, guint *index,
                                        GError **error);

/* By target ("vda") or by source path, as virsh takes either. Returns: (transfer none) (nullable) */
CopDomainDisk *cop_domain_config_find_disk (const CopDomainConfig *config, const char *name,
                                            guint *index);

/* By target ("vnet0") or MAC address. Returns: (transfer none) (nullable) */
CopDomainInterface *cop_domain_config_find_interface (const CopDomainConfig *config,
                                                      const char *name, guint *index);

/**
 * cop_domain_config_find_chardev:
 * @alias: (nullable): NULL for the first console, else serial port, that there is
 * @kind: (out) (optional): serial, console or channel
 *
 * Aliases are those of cop_domain_config_assign_aliases(); a channel is found by its name too.
 */
CopDomainChardev *cop_domain_config_find_chardev (const CopDomainConfig *config, const char *alias,
                                                  CopDeviceKind *kind, guint *index);

/* Returns: (transfer none) (nullable): the alias of any device, or NULL */
gpointer cop_domain_config_find_alias (const CopDomainConfig *config, const char *alias,
                                       CopDeviceKind *kind, guint *index);

/* What changing a member means for a machine that runs. */
typedef enum
{
  COP_CHANGE_LIVE,              /* can be done while it runs */
  COP_CHANGE_HOST,              /* the guest does not see it: at the next start, or a restore */
  COP_CHANGE_GUEST,             /* the guest sees it: at the next start only */
} CopDomainChangeKind;

typedef struct
{
  CopDomainChangeKind kind;
  char               *path;     /* (owned): "devices/interface[1]/link/@state" */
  char               *before, *after;   /* (owned) (nullable): NULL: absent */
} CopDomainChange;

/**
 * cop_domain_config_diff:
 *
 * Compares two configurations member by member; what is live is left out.
 *
 * Returns: (transfer full) (element-type CopDomainChange): in document order; owns its elements
 */
GPtrArray *cop_domain_config_diff (const CopDomainConfig *before, const CopDomainConfig *after);

/* The same for two devices of one kind. */
GPtrArray *cop_domain_device_diff (CopDeviceKind kind, gconstpointer before, gconstpointer after);

/**
 * cop_domain_config_check_compatible:
 * @saved: what a saved or running machine was made of
 * @wanted: what it should go on as
 *
 * Errors: %COP_XML_ERROR_CONFLICT, naming the first member that the guest would see change.
 */
bool cop_domain_config_check_compatible (const CopDomainConfig *saved,
                                         const CopDomainConfig *wanted, GError **error);

/**
 * cop_domain_config_update_device:
 * @device: the new description of a device in @config
 * @live: whether @config is of a running machine: then only what may change live may differ
 * @changes: (out) (optional) (element-type CopDomainChange): what differs
 *
 * Changes nothing on failure. Errors: as cop_domain_config_find_device();
 * %COP_XML_ERROR_UNSUPPORTED for a change that a running machine cannot follow.
 */
bool cop_domain_config_update_device (CopDomainConfig *config, const CopDomainDevice *device,
                                      bool live, GPtrArray **changes, GError **error);

/**
 * cop_domain_config_get_metadata:
 *
 * Returns: (transfer full) (nullable): the element of this namespace below <metadata>, out of the
 *   namespace again, as it was set
 */
char *cop_domain_config_get_metadata (const CopDomainConfig *config, const char *uri);

/**
 * cop_domain_config_set_metadata:
 * @xml: (nullable): an element, in no namespace or in @uri; NULL removes what there is
 * @prefix: for the element, if it is in no namespace
 *
 * Returns: false for text that is not one element; @config is unchanged then
 */
bool cop_domain_config_set_metadata (CopDomainConfig *config, const char *uri, const char *prefix,
                                     const char *xml, GError **error);
