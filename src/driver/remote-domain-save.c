/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Saved machines: save, restore, managed save, their documents; and how far such a job is.
 */
#include "driver/remote-domain.h"

#define SAVE_FLAGS (COP_SAVE_BYPASS_CACHE | COP_SAVE_RUNNING | COP_SAVE_PAUSED)
#define IMAGE_FLAGS (COP_SAVE_RUNNING | COP_SAVE_PAUSED)

static const CopParamRow file_rows[] = {
  { "file", COP_PARAM_STRING, false },
  { "dxml", COP_PARAM_STRING, false },
  { NULL },
};

/* The two parameters of save and restore. */
static bool
read_file_params (CopTypedParam *items, uint32_t n_items, const char **file, const char **xml,
                  GError **error)
{
  const CopTypedParam *param;

  if (!cop_params_check (items, n_items, file_rows, error))
    return false;
  param = cop_params_find (items, n_items, "file");
  if (param == NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("missing file argument"));
  *file = param->value.s;
  param = cop_params_find (items, n_items, "dxml");
  *xml = param != NULL ? param->value.s : NULL;
  return true;
}

COP_REMOTE_HANDLES (domain_save, DomainSave)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_domain_save (domain, args->to, NULL, 0, error);
}

COP_REMOTE_HANDLES (domain_save_flags, DomainSaveFlags)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_remote_check_flags (args->flags, SAVE_FLAGS, error) &&
         cop_domain_save (domain, args->to, args->dxml, args->flags, error);
}

COP_REMOTE_HANDLES (domain_save_params, DomainSaveParams)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  const char *file, *xml;

  return domain != NULL && cop_remote_check_flags (args->flags, SAVE_FLAGS, error) &&
         read_file_params (args->params, args->n_params, &file, &xml, error) &&
         cop_domain_save (domain, file, xml, args->flags, error);
}

COP_REMOTE_HANDLES (domain_restore, DomainRestore)
{
  return cop_driver_restore (cop_remote_driver (call), args->from, NULL, 0, error);
}

COP_REMOTE_HANDLES (domain_restore_flags, DomainRestoreFlags)
{
  return cop_remote_check_flags (args->flags, SAVE_FLAGS, error) &&
         cop_driver_restore (cop_remote_driver (call), args->from, args->dxml, args->flags, error);
}

COP_REMOTE_HANDLES (domain_restore_params, DomainRestoreParams)
{
  const char *file, *xml;

  return cop_remote_check_flags (args->flags, SAVE_FLAGS, error) &&
         read_file_params (args->params, args->n_params, &file, &xml, error) &&
         cop_driver_restore (cop_remote_driver (call), file, xml, args->flags, error);
}

COP_REMOTE_HANDLES (domain_save_image_get_xml_desc, DomainSaveImageGetXmlDesc)
{
  if (!cop_remote_check_flags (args->flags, COP_DOMAIN_FORMAT_SECURE, error))
    return false;
  ret->xml = cop_saved_get_xml (args->file, error);
  return ret->xml != NULL;
}

COP_REMOTE_HANDLES (domain_save_image_define_xml, DomainSaveImageDefineXml)
{
  return cop_remote_check_flags (args->flags, IMAGE_FLAGS, error) &&
         cop_saved_define_xml (args->file, args->dxml, args->flags, error);
}

COP_REMOTE_HANDLES (domain_managed_save, DomainManagedSave)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_remote_check_flags (args->flags, SAVE_FLAGS, error) &&
         cop_domain_managed_save (domain, args->flags, error);
}

COP_REMOTE_HANDLES (domain_has_managed_save_image, DomainHasManagedSaveImage)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  ret->result = cop_domain_has_managed_save (domain);
  return true;
}

COP_REMOTE_HANDLES (domain_managed_save_remove, DomainManagedSaveRemove)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_remote_check_flags (args->flags, 0, error) &&
         cop_domain_remove_managed_save (domain, error);
}

COP_REMOTE_HANDLES (domain_managed_save_get_xml_desc, DomainManagedSaveGetXmlDesc)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autofree char *path = NULL;

  if (domain == NULL || !cop_remote_check_flags (args->flags, COP_DOMAIN_FORMAT_SECURE, error))
    return false;
  path = cop_domain_managed_save_path (domain, error);
  if (path != NULL)
    ret->xml = cop_saved_get_xml (path, error);
  return ret->xml != NULL;
}

COP_REMOTE_HANDLES (domain_managed_save_define_xml, DomainManagedSaveDefineXml)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autofree char *path = NULL;

  if (domain == NULL || !cop_remote_check_flags (args->flags, IMAGE_FLAGS, error))
    return false;
  path = cop_domain_managed_save_path (domain, error);
  if (path == NULL)
    return false;
  if (args->dxml == NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("a document is needed"));
  return cop_saved_define_xml (path, args->dxml, args->flags, error);
}

/* Jobs --------------------------------------------------------------------------------------- */

static guint64
elapsed_ms (const CopJobInfo *job)
{
  gint64 end = job->ended != 0 ? job->ended : g_get_monotonic_time ();

  return job->started == 0 ? 0 : (end - job->started) / 1000;
}

COP_REMOTE_HANDLES (domain_get_job_info, DomainGetJobInfo)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  CopJobInfo job;

  if (domain == NULL)
    return false;
  job = cop_domain_job_info (domain, false);
  ret->type = job.type;
  ret->time_elapsed = elapsed_ms (&job);
  ret->data_total = ret->mem_total = job.total;
  ret->data_processed = ret->mem_processed = job.done;
  ret->data_remaining = ret->mem_remaining = job.total - MIN (job.done, job.total);
  return true;
}

/* libvirt's VIR_DOMAIN_JOB_STATS_* */
enum
{
  JOB_COMPLETED = 1 << 0,
  JOB_KEEP_COMPLETED = 1 << 1,
};

COP_REMOTE_HANDLES (domain_get_job_stats, DomainGetJobStats)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_auto (CopParams) params = COP_PARAMS_INIT;
  bool completed = (args->flags & JOB_COMPLETED) != 0;
  CopJobInfo job;

  if (domain == NULL ||
      !cop_remote_check_flags (args->flags, JOB_COMPLETED | JOB_KEEP_COMPLETED, error))
    return false;
  job = cop_domain_job_info (domain, completed);
  if (completed && (args->flags & JOB_KEEP_COMPLETED) == 0)
    {
      g_mutex_lock (&domain->lock);
      domain->completed = (CopJobInfo){ 0 };
      g_mutex_unlock (&domain->lock);
    }
  ret->type = job.type;
  if (job.type == COP_JOB_TYPE_NONE)
    return true;
  cop_job_info_describe (&job, &params);
  cop_params_steal (&params, &ret->params, &ret->n_params);
  return true;
}

COP_REMOTE_HANDLES (domain_abort_job, DomainAbortJob)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_domain_abort_job (domain, error);
}

COP_REMOTE_HANDLES (domain_abort_job_flags, DomainAbortJobFlags)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  return domain != NULL && cop_remote_check_flags (args->flags, 0, error) &&
         cop_domain_abort_job (domain, error);
}

/* clang-format off */
const CopHandler cop_remote_save_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_SAVE, DomainSave, domain_save),
  COP_REMOTE_HANDLER (DOMAIN_SAVE_FLAGS, DomainSaveFlags, domain_save_flags),
  COP_REMOTE_HANDLER (DOMAIN_SAVE_PARAMS, DomainSaveParams, domain_save_params),
  COP_REMOTE_HANDLER (DOMAIN_RESTORE, DomainRestore, domain_restore),
  COP_REMOTE_HANDLER (DOMAIN_RESTORE_FLAGS, DomainRestoreFlags, domain_restore_flags),
  COP_REMOTE_HANDLER (DOMAIN_RESTORE_PARAMS, DomainRestoreParams, domain_restore_params),
  COP_REMOTE_HANDLER (DOMAIN_SAVE_IMAGE_GET_XML_DESC, DomainSaveImageGetXmlDesc, domain_save_image_get_xml_desc),
  COP_REMOTE_HANDLER (DOMAIN_SAVE_IMAGE_DEFINE_XML, DomainSaveImageDefineXml, domain_save_image_define_xml),
  COP_REMOTE_HANDLER (DOMAIN_MANAGED_SAVE, DomainManagedSave, domain_managed_save),
  COP_REMOTE_HANDLER (DOMAIN_HAS_MANAGED_SAVE_IMAGE, DomainHasManagedSaveImage, domain_has_managed_save_image),
  COP_REMOTE_HANDLER (DOMAIN_MANAGED_SAVE_REMOVE, DomainManagedSaveRemove, domain_managed_save_remove),
  COP_REMOTE_HANDLER (DOMAIN_MANAGED_SAVE_GET_XML_DESC, DomainManagedSaveGetXmlDesc, domain_managed_save_get_xml_desc),
  COP_REMOTE_HANDLER (DOMAIN_MANAGED_SAVE_DEFINE_XML, DomainManagedSaveDefineXml, domain_managed_save_define_xml),
  COP_REMOTE_HANDLER (DOMAIN_GET_JOB_INFO, DomainGetJobInfo, domain_get_job_info),
  COP_REMOTE_HANDLER (DOMAIN_GET_JOB_STATS, DomainGetJobStats, domain_get_job_stats),
  COP_REMOTE_HANDLER (DOMAIN_ABORT_JOB, DomainAbortJob, domain_abort_job),
  COP_REMOTE_HANDLER (DOMAIN_ABORT_JOB_FLAGS, DomainAbortJobFlags, domain_abort_job_flags),
  { 0 },
};
/* clang-format on */
