/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All domains of one daemon. Created by virtcoppiced before it listens; handlers get it from the
 * server. Domains are looked up by UUID; names and ids are for people.
 */
#pragma once

#include "driver/domain.h"
#include "driver/domain-event.h"
#include "driver/paths.h"

#define COP_TYPE_DRIVER (cop_driver_get_type ())
G_DECLARE_FINAL_TYPE (CopDriver, cop_driver, COP, DRIVER, GObject)

/**
 * cop_driver_new:
 * @paths: (transfer none): copied
 *
 * Takes the store, reads the names of all definitions, finds running machines again. Documents are
 * read when they are first needed.
 *
 * Errors: %COP_STORE_ERROR_BUSY when another daemon has these folders
 */
CopDriver *cop_driver_new (const CopPaths *paths, GError **error);

/* Starts the domains that are marked for it, each in its own time. Call once, when listening. */
void cop_driver_autostart (CopDriver *driver);

/* Lets go of all machines, which run on; tells waiting events. To be called before the last unref. */
void cop_driver_close (CopDriver *driver);

/* Whether the daemon may leave when idle: no domain runs and no job is under way. */
bool cop_driver_is_idle (CopDriver *driver);

/* Calls @func on any thread whenever cop_driver_is_idle() may have changed. */
void cop_driver_set_idle_func (CopDriver *driver, GFunc func, gpointer data);

CopDomainEvents *cop_driver_events (CopDriver *driver);

/* Destroys the domains that were to live only as long as @connection, which is gone. */
void cop_driver_connection_closed (CopDriver *driver, gconstpointer connection);

/* Each returns (transfer full) (nullable): NULL with "no such domain" */
CopDomain *cop_driver_by_uuid (CopDriver *driver, const uint8_t uuid[16], GError **error);
CopDomain *cop_driver_by_name (CopDriver *driver, const char *name, GError **error);
CopDomain *cop_driver_by_id (CopDriver *driver, int id, GError **error);
