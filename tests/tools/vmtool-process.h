/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool as a child process of a test, on pipes or on a terminal of its own, and small programs for
 * the machine in it, written as words.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- programs ---- */

/* Symbols that a program's ELF file has, all in the page of the code: */
#define TEST_PROGRAM_GPA UINT64_C (0x80000000)
#define TEST_TOHOST_OFFSET 0x100
#define TEST_FROMHOST_OFFSET 0x108
#define TEST_SIGNATURE_OFFSET 0x110
#define TEST_SIGNATURE_SIZE 16

typedef struct
{
  const char     *name;
  const uint32_t *words;
  unsigned        n_words;
  bool            symbols;      /* tohost, fromhost and the signature's bounds */
} TestProgram;

/* Echoes its UART until a 'q', then powers the machine off. */
extern const TestProgram test_echo;
/* Prints TEST_BURST_LENGTH times x as fast as the UART takes it, then powers the machine off. */
extern const TestProgram test_burst;
#define TEST_BURST_LENGTH 0x30000
/* Reports failure 7 to the finisher. */
extern const TestProgram test_fail_7;
/* Reports a pass, and failure 5, through tohost. */
extern const TestProgram test_pass;
extern const TestProgram test_tohost_5;
/* Runs in a circle. */
extern const TestProgram test_loop;
extern const TestProgram test_wait;

/* Returns: (transfer full): the path of an ELF file of @program in @folder */
char *test_program_write (const char *folder, const TestProgram *program);

/* ---- processes ---- */

typedef struct
{
  pid_t    pid;
  int      in, out, err;        /* our ends; of a terminal all the same; -1: closed */
  GString *text;                /* (owned): what came from out, and was not expected yet */
  GString *error_text;          /* (owned): what came from err */
  int      slave;               /* of the terminal, kept open so that it can be looked at */
} TestProcess;

/* Starts vmtool with the words of @arguments, quoted as in a shell. */
TestProcess *test_process_start (const char *arguments);
TestProcess *test_process_start_on_terminal (const char *arguments);
void test_process_free (TestProcess *process);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestProcess, test_process_free)

void test_process_send (TestProcess *process, const char *text);
void test_process_close_input (TestProcess *process);

/* Waits until @text has come, and forgets all up to its end; fails when the process ends first. */
void test_process_expect (TestProcess *process, const char *text);

/* Waits for the end, with all output read. Returns: as waitpid() gives it */
int test_process_wait (TestProcess *process);

/* Runs vmtool to its end, with no input. Returns: the exit status; 128 and more for signals */
int test_vmtool (const char *arguments, char **out, char **err);
