/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The commands, each defined in the file of its name.
 */
#pragma once

#include "vmtool/domain.h"

extern const VmtCommand vmt_autostart;
extern const VmtCommand vmt_capabilities;
extern const VmtCommand vmt_console;
extern const VmtCommand vmt_create;
extern const VmtCommand vmt_define_command;
extern const VmtCommand vmt_desc;
extern const VmtCommand vmt_destroy;
extern const VmtCommand vmt_domblkinfo;
extern const VmtCommand vmt_domblklist;
extern const VmtCommand vmt_domblkstat;
extern const VmtCommand vmt_domcapabilities;
extern const VmtCommand vmt_domid;
extern const VmtCommand vmt_domif_getlink;
extern const VmtCommand vmt_domif_setlink;
extern const VmtCommand vmt_domiflist;
extern const VmtCommand vmt_domifstat;
extern const VmtCommand vmt_dominfo;
extern const VmtCommand vmt_dommemstat;
extern const VmtCommand vmt_domname;
extern const VmtCommand vmt_domrename;
extern const VmtCommand vmt_domstate;
extern const VmtCommand vmt_domstats;
extern const VmtCommand vmt_domuuid;
extern const VmtCommand vmt_dumpxml;
extern const VmtCommand vmt_edit_command;
extern const VmtCommand vmt_event;
extern const VmtCommand vmt_hostname;
extern const VmtCommand vmt_list;
extern const VmtCommand vmt_managedsave;
extern const VmtCommand vmt_managedsave_remove;
extern const VmtCommand vmt_metadata;
extern const VmtCommand vmt_new;
extern const VmtCommand vmt_nodeinfo;
extern const VmtCommand vmt_reboot;
extern const VmtCommand vmt_reset;
extern const VmtCommand vmt_restore;
extern const VmtCommand vmt_resume;
extern const VmtCommand vmt_save;
extern const VmtCommand vmt_setmaxmem;
extern const VmtCommand vmt_setmem;
extern const VmtCommand vmt_setvcpus;
extern const VmtCommand vmt_shell;
extern const VmtCommand vmt_shutdown;
extern const VmtCommand vmt_start_command;
extern const VmtCommand vmt_suspend;
extern const VmtCommand vmt_top;
extern const VmtCommand vmt_undefine;
extern const VmtCommand vmt_uri;
extern const VmtCommand vmt_vcpucount;
extern const VmtCommand vmt_vcpuinfo;
extern const VmtCommand vmt_version;
extern const VmtCommand vmt_image;
extern const VmtCommand vmt_run;
extern const VmtCommand vmt_jit_dump;
extern const VmtCommand vmt_help;
extern const VmtCommand vmt_complete_words;
extern const VmtCommand vmt_man_page;

/* Returns: (transfer full): the names of all images, for options that take one */
char **vmt_complete_images (const char *prefix);

/* Fetches the image if it is not here and of a distribution that can be fetched; says so. */
bool vmt_image_ensure (const char *name, GError **error);

/* Returns: (transfer full): a file's text, or that of standard input for "-" */
char *vmt_read_document (const char *path, GError **error);

/**
 * vmt_define:
 * @flags: libvirt's, of DOMAIN_DEFINE_XML_FLAGS
 * @dom: (out): what is defined; its name is the caller's
 */
bool vmt_define (CopClient *client, const char *xml, uint32_t flags, CopRemoteDomain *dom,
                 GError **error);

/* Starts a domain, and notes its id. @flags: libvirt's, of DOMAIN_CREATE_WITH_FLAGS */
bool vmt_start (VmtDomain *domain, uint32_t flags, GError **error);

/* Prints statistics: "  name=value" lines, or members of the open object. */
void vmt_print_params (VmtPrinter *printer, const CopTypedParam *params, uint32_t n);
