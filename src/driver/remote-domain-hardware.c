/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is done to the hardware of running domains: core files, disks of another size, keys; and
 * what machines have not got, said in words.
 */
#include "driver/remote-domain.h"

#include "common/units.h"
#include "xml/domain-device.h"

#include <inttypes.h>
#include <linux/input-event-codes.h>

/* Core files ----------------------------------------------------------------------------------- */

#define DUMP_FLAGS                                                                                 \
  (COP_DUMP_CRASH | COP_DUMP_LIVE | COP_DUMP_BYPASS_CACHE | COP_DUMP_RESET | COP_DUMP_MEMORY_ONLY)

/* libvirt's VIR_DOMAIN_CORE_DUMP_FORMAT_RAW */
#define FORMAT_RAW 0

COP_REMOTE_HANDLES (domain_core_dump, DomainCoreDump)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_remote_check_flags (args->flags, DUMP_FLAGS, error) &&
         cop_domain_core_dump (domain, args->to, args->flags, error);
}

COP_REMOTE_HANDLES (domain_core_dump_with_format, DomainCoreDumpWithFormat)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL || !cop_remote_check_flags (args->flags, DUMP_FLAGS, error))
    return false;
  if (args->dumpformat != FORMAT_RAW)
    return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_UNSUPPORTED,
                            _ ("core files are of format elf only; compress them afterwards"));
  return cop_domain_core_dump (domain, args->to, args->flags, error);
}

/* Disks ---------------------------------------------------------------------------------------- */

/* libvirt's VIR_DOMAIN_BLOCK_RESIZE_* */
enum
{
  RESIZE_BYTES = 1 << 0, /* not KiB */
  RESIZE_CAPACITY = 1 << 1, /* to what the block device has by now */
};

/* By the holder of the job. */
static bool
resize_disk (CopDomain *domain, const char *name, uint64_t size, bool measure, GError **error)
{
  g_autoptr (CopVm) vm = NULL;
  const CopDomainDisk *disk = NULL;
  guint index = 0;

  g_mutex_lock (&domain->lock);
  if (cop_domain_need_active (domain, error))
    {
      disk = cop_domain_config_find_disk (domain->running, name, &index);
      if (disk == NULL)
        cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                         _ ("disk '%s' was not found in the domain config"), name);
      else if (disk->readonly)
        cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_INVALID,
                         _ ("disk '%s' is read-only: it keeps its size"), name);
      else if (measure)
        cop_driver_fail (error, COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED,
                         _ ("say the size that disk '%s' shall have"), name);
      else
        vm = g_object_ref (domain->vm);
    }
  g_mutex_unlock (&domain->lock);
  return vm != NULL && cop_vm_resize_disk (vm, index, size, error);
}

COP_REMOTE_HANDLES (domain_block_resize, DomainBlockResize)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  uint64_t size = args->size;
  bool ok;

  if (domain == NULL ||
      !cop_remote_check_flags (args->flags, RESIZE_BYTES | RESIZE_CAPACITY, error))
    return false;
  if ((args->flags & RESIZE_BYTES) == 0 && __builtin_mul_overflow (size, (uint64_t) COP_KIB, &size))
    return cop_driver_fail (error, COP_DRIVER_ERROR_OVERFLOW,
                            _ ("%" PRIu64 " KiB are too much"), (guint64) args->size);
  if (!cop_domain_begin_job (domain, COP_JOB_MODIFY, error))
    return false;
  ok = resize_disk (domain, args->disk, size, (args->flags & RESIZE_CAPACITY) != 0, error);
  cop_domain_end_job (domain);
  return ok;
}

/* Keys ----------------------------------------------------------------------------------------- */

/* libvirt's VIR_KEYCODE_SET_LINUX */
#define CODESET_LINUX 0

COP_REMOTE_HANDLES (domain_send_key, DomainSendKey)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (CopVm) vm = NULL;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  g_mutex_lock (&domain->lock);
  if (cop_domain_need_active (domain, error))
    vm = g_object_ref (domain->vm);
  g_mutex_unlock (&domain->lock);
  if (vm == NULL)
    return false;
  if (args->codeset != CODESET_LINUX || args->n_keycodes != 1 || args->keycodes[0] != KEY_POWER)
    return cop_driver_fail (
      error, COP_DRIVER_ERROR_OPERATION_UNSUPPORTED,
      _ ("the machine has one key, KEY_POWER of the codeset linux; type on its "
         "console"));
  return cop_vm_press_power_button (vm, error);
}

/* What there is not ---------------------------------------------------------------------------- */

static bool
lacks (CopServerCall *call, const CopRemoteDomain *dom, const char *what, GError **error)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, dom, error);
  bool active;

  if (domain == NULL)
    return false;
  g_mutex_lock (&domain->lock);
  active = cop_domain_need_active (domain, error);
  g_mutex_unlock (&domain->lock);
  return active && cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_UNSUPPORTED, "%s", what);
}

COP_REMOTE_HANDLES (domain_screenshot, DomainScreenshot)
{
  return lacks (call, &args->dom, _ ("the machine has no display; look at its console"), error);
}

COP_REMOTE_HANDLES (domain_inject_nmi, DomainInjectNmi)
{
  return lacks (call, &args->dom, _ ("the machine's harts have no non-maskable interrupt"), error);
}

COP_REMOTE_HANDLES (domain_pm_suspend_for_duration, DomainPmSuspendForDuration)
{
  return lacks (
    call, &args->dom,
    _ ("the machine has no power management: its guest cannot sleep; suspend or save the "
       "domain"),
    error);
}

COP_REMOTE_HANDLES (domain_pm_wakeup, DomainPmWakeup)
{
  return lacks (call, &args->dom, _ ("the machine has no power management: its guest never sleeps"),
                error);
}

/* clang-format off */
const CopHandler cop_remote_hardware_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_CORE_DUMP, DomainCoreDump, domain_core_dump),
  COP_REMOTE_HANDLER (DOMAIN_CORE_DUMP_WITH_FORMAT, DomainCoreDumpWithFormat, domain_core_dump_with_format),
  COP_REMOTE_HANDLER (DOMAIN_BLOCK_RESIZE, DomainBlockResize, domain_block_resize),
  COP_REMOTE_HANDLER (DOMAIN_SEND_KEY, DomainSendKey, domain_send_key),
  COP_REMOTE_HANDLER (DOMAIN_SCREENSHOT, DomainScreenshot, domain_screenshot),
  COP_REMOTE_HANDLER (DOMAIN_INJECT_NMI, DomainInjectNmi, domain_inject_nmi),
  COP_REMOTE_HANDLER (DOMAIN_PM_SUSPEND_FOR_DURATION, DomainPmSuspendForDuration, domain_pm_suspend_for_duration),
  COP_REMOTE_HANDLER (DOMAIN_PM_WAKEUP, DomainPmWakeup, domain_pm_wakeup),
  { 0 },
};
/* clang-format on */
