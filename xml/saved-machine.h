/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The document of a saved machine: all of it but its memory, which is a raw file beside.
 *
 *   <savedmachine version='1'>
 *     <running>true</running>
 *     <memory file='vm.save.memory' size='134217728' checksum='xxh3-64:0123456789abcdef'>
 *       <pages>0-1ff 400</pages>                which ones the file holds; the others are zero
 *     </memory>
 *     <domain type='coppice'> ... </domain>
 *     <machinestate version='1'> ... </machinestate>
 *   </savedmachine>
 */
#pragma once

#include "xml/error.h"

#include <stdbool.h>
#include <stdint.h>

/* The largest document that is read, in bytes: a domain, a state, a list of pages. */
#define COP_SAVED_MACHINE_MAX (32u << 20)

typedef struct
{
  bool     running;             /* goes on when it is restored */
  char    *memory;              /* (owned): name of a file in the document's folder: no '/' */
  uint64_t memory_size;         /* bytes */
  char    *checksum;            /* (owned): of the pages, in order */
  char    *pages;               /* (owned): see engine/page-set.h */
  char    *domain;              /* (owned): the <domain> document */
  char    *state;               /* (owned): the <machinestate> document */
} CopSavedMachine;

void cop_saved_machine_free (CopSavedMachine *saved);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopSavedMachine, cop_saved_machine_free)

/* Returns: (transfer full): @saved as a document, ending in a line feed */
char *cop_saved_machine_format (const CopSavedMachine *saved);

/**
 * cop_saved_machine_parse:
 * @label: names the document in messages
 *
 * No DTD, no entities, nothing is fetched; size and depth are bounded. What is in <domain> and
 * <machinestate> is for their own parsers.
 *
 * Errors: %COP_XML_ERROR. Returns: (transfer full): NULL on failure
 */
CopSavedMachine *cop_saved_machine_parse (const char *text, gsize length, const char *label,
                                          GError **error);
