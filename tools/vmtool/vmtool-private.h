/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between the files of the command framework.
 */
#pragma once

#include "vmtool/vmtool.h"

#include <stdio.h>

/* Options that every command has, and those of commands that talk to a daemon; end with a row
   without name. */
extern const VmtOption vmt_common_options[];
extern const VmtOption vmt_connect_options[];

extern const char *const vmt_group_titles[VMT_GROUP_LAST];

/**
 * vmt_call_parse:
 * @words: what follows the command's name, ends with NULL
 *
 * Reads @words by the option table of @command and by vmt_common_options.
 *
 * Errors: %VMT_ERROR_USAGE; the message names the word and what would be right. When --help is
 * among the words before the first mistake, required options may be missing.
 *
 * Returns: (transfer full) (nullable): the call
 */
VmtCall *vmt_call_parse (const VmtCommand *command, const char *const *words, GError **error);
void vmt_call_free (VmtCall *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmtCall, vmt_call_free)

int vmt_call_exit (const VmtCall *call);

/* Takes --connect and --readonly of the call, if it has them, for the connection it will make. */
bool vmt_call_select_connection (const VmtCall *call, GError **error);

/**
 * vmt_run_words:
 * @words: a command and what follows it, ends with NULL
 *
 * Finds the command, parses its options, runs it, prints its error.
 *
 * Returns: the exit status
 */
int vmt_run_words (const char *const *words);

/* Runs the command and finishes what it printed. */
bool vmt_call_run (VmtCall *call, GError **error);

/**
 * vmt_command_find:
 * @commands: table that ends with NULL
 * @words: ends with NULL
 * @used: (out): number of words that name the command
 * @path: (inout): the names are appended, each after a space
 *
 * Follows @words down the subcommands.
 *
 * Errors: %VMT_ERROR_USAGE, with the names that come close
 *
 * Returns: (nullable): the command; one with subcommands when the words end there or go on with
 *   an option
 */
const VmtCommand *vmt_command_find (const VmtCommand *const *commands, const char *const *words,
                                    unsigned *used, GString *path, GError **error);

/* Whether a bare word can be the option's value. */
bool vmt_option_is_positional (const VmtOption *option);

/* What help calls the option's value. */
const char *vmt_option_value_name (const VmtOption *option);

/* Prints help of one command; @path is "vmtool image pull". */
void vmt_help_command (FILE *out, const VmtCommand *command, const char *path);
/* Prints the list of all commands. */
void vmt_help_overview (FILE *out);
/* Prints the manual page in the man macros of roff. */
void vmt_help_man_page (FILE *out);

/**
 * vmt_suggest:
 * @candidates: ends with NULL
 *
 * Returns: (nullable): the one that @word most likely meant; NULL when none is near
 */
const char *vmt_suggest (const char *word, const char *const *candidates);

/* Number of letters to insert, delete, replace or swap with a neighbour to turn @a into @b. */
unsigned vmt_edit_distance (const char *a, const char *b);

/**
 * vmt_complete:
 * @words: the command line after "vmtool"; the last is the one being typed, perhaps empty
 *
 * @files: (out): whether the name of a file fits
 *
 * Returns: (transfer full): what it can become
 */
char **vmt_complete (const char *const *words, bool *files);
