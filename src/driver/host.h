/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The host as a daemon sees it: how many CPUs and how much memory it has and how they are used.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* What does not change while the daemon runs. */
typedef struct
{
  char arch[32]; /* as uname() says, unless COPPICE_HOST_ARCH does: "x86_64" */
  uint8_t uuid[16]; /* of this installation; made of the machine id */
  uint64_t memory; /* bytes */
  unsigned cpus; /* online */
  unsigned cpus_present; /* the highest number of a CPU, plus one */
  unsigned mhz; /* 0: not known */
  unsigned nodes; /* of NUMA */
  unsigned sockets, cores, threads; /* nodes * sockets * cores * threads is at least cpus */
} CopHost;

/**
 * cop_host_read:
 * Reads /proc and /sys; what cannot be read is left at a plain default.
 */
void cop_host_read (CopHost *host);

/* Bit N of byte N / 8: whether CPU N is online. Returns: (transfer full): the map; bytes in @length
 */
uint8_t *cop_host_online_cpus (unsigned *length, unsigned *n_online);

/* Nanoseconds since the host's start, of all CPUs or one. */
typedef struct
{
  uint64_t user, kernel, idle, iowait, intr;
} CopHostCpuTimes;

/* @cpu: -1: all. Returns: false when there is no such CPU, with %COP_DRIVER_ERROR_INVALID_ARG */
bool cop_host_cpu_times (int cpu, CopHostCpuTimes *times, GError **error);

/* Bytes. */
typedef struct
{
  uint64_t total, free, buffers, cached;
} CopHostMemory;

/* @node: of NUMA; -1: all. Returns: false when there is no such node */
bool cop_host_memory (int node, CopHostMemory *memory, GError **error);

/* Returns: (transfer full): libvirt's <sysinfo>, from what the firmware says and we may read */
char *cop_host_sysinfo (void);
