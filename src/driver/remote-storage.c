/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Storage, as far as clients need it to name a disk by its path. There are no pools, and none can
 * be defined; but a file that a client names is a volume, and its folder the pool that it is in:
 *
 *   /srv/images/web.img     volume "web.img", key "/srv/images/web.img", in the pool "/srv/images"
 *
 * virt-install asks for this before it takes a plain path: where storage is not supported at all it
 * loses the path. Nothing is kept: names say it all. The daemon looks at files with rights that a
 * read-only client may not have, so that one is told of none.
 */
#include "driver/remote-domain.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* libvirt's VIR_STORAGE_VOL_* and VIR_STORAGE_POOL_RUNNING */
enum
{
  VOLUME_FILE = 0,
  VOLUME_BLOCK = 1,
  POOL_RUNNING = 2,
};

/* What a volume says of itself. */
typedef struct
{
  int type;
  uint64_t capacity, allocation; /* bytes */
} Volume;

static bool
no_volume (const char *path, GError **error)
{
  return cop_driver_fail (error, COP_DRIVER_ERROR_NO_STORAGE_VOL,
                          _ ("no storage vol with matching path '%s'"), path);
}

/* Looks at the file or block device at @path. */
static bool
look_at (const char *path, Volume *volume, GError **error)
{
  struct stat status;
  cop_autofd int fd = -1;
  off_t end;

  if (!g_path_is_absolute (path) || stat (path, &status) < 0 ||
      (!S_ISREG (status.st_mode) && !S_ISBLK (status.st_mode)))
    return no_volume (path, error);
  *volume = (Volume){
    .type = S_ISBLK (status.st_mode) ? VOLUME_BLOCK : VOLUME_FILE,
    .capacity = (uint64_t) status.st_size,
    .allocation = (uint64_t) status.st_blocks * 512,
  };
  if (volume->type == VOLUME_FILE)
    return true;
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  end = fd >= 0 ? lseek (fd, 0, SEEK_END) : -1;
  if (end < 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot open '%s'"), path);
      return false;
    }
  volume->capacity = volume->allocation = (uint64_t) end;
  return true;
}

/* "qcow2" of what begins as such an image does, else "raw": clients say in a domain what they are
   told here, and it must not be taken for what it is not. */
static const char *
format_of (const char *path)
{
  cop_autofd int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  char magic[4];

  return fd >= 0 && pread (fd, magic, sizeof magic, 0) == sizeof magic &&
             memcmp (magic, "QFI\xfb", sizeof magic) == 0
           ? "qcow2"
           : "raw";
}

static void
set_volume (CopRemoteStorageVol *volume, const char *path)
{
  volume->pool = g_path_get_dirname (path);
  volume->name = g_path_get_basename (path);
  volume->key = g_strdup (path);
}

/* The same folder has the same UUID on every host and at any time. */
static void
set_pool (CopRemoteStoragePool *pool, const char *folder)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 digest[32];
  gsize length = sizeof digest;

  g_checksum_update (checksum, (const guchar *) "coppice pool ", -1);
  g_checksum_update (checksum, (const guchar *) folder, -1);
  g_checksum_get_digest (checksum, digest, &length);
  pool->name = g_strdup (folder);
  memcpy (pool->uuid, digest, sizeof pool->uuid);
  pool->uuid[6] = (uint8_t) ((pool->uuid[6] & 0x0f) | 0x40);
  pool->uuid[8] = (uint8_t) ((pool->uuid[8] & 0x3f) | 0x80);
}

/* Volumes -------------------------------------------------------------------------------------- */

/* What all that look at a file begin with. */
static bool
begin (CopServerCall *call, const char *path, Volume *volume, GError **error)
{
  return cop_server_call_forbid_read_only (call, error) && look_at (path, volume, error);
}

COP_REMOTE_HANDLES (storage_vol_lookup_by_path, StorageVolLookupByPath)
{
  Volume volume;

  if (!begin (call, args->path, &volume, error))
    return false;
  set_volume (&ret->vol, args->path);
  return true;
}

COP_REMOTE_HANDLES (storage_vol_lookup_by_key, StorageVolLookupByKey)
{
  Volume volume;

  if (!begin (call, args->key, &volume, error))
    return false;
  set_volume (&ret->vol, args->key);
  return true;
}

COP_REMOTE_HANDLES (storage_vol_lookup_by_name, StorageVolLookupByName)
{
  g_autofree char *path = g_build_filename (args->pool.name, args->name, NULL);
  Volume volume;

  if (!begin (call, path, &volume, error))
    return false;
  set_volume (&ret->vol, path);
  return true;
}

COP_REMOTE_HANDLES (storage_vol_get_info, StorageVolGetInfo)
{
  Volume volume;

  if (!begin (call, args->vol.key, &volume, error))
    return false;
  ret->type = volume.type;
  ret->capacity = volume.capacity;
  ret->allocation = volume.allocation;
  return true;
}

/* libvirt's VIR_STORAGE_VOL_GET_PHYSICAL: what of the host's storage is used, instead. */
#define GET_PHYSICAL 1

COP_REMOTE_HANDLES (storage_vol_get_info_flags, StorageVolGetInfoFlags)
{
  Volume volume;

  if (!cop_remote_check_flags (args->flags, GET_PHYSICAL, error) ||
      !begin (call, args->vol.key, &volume, error))
    return false;
  ret->type = volume.type;
  ret->capacity = volume.capacity;
  ret->allocation = (args->flags & GET_PHYSICAL) != 0 ? volume.capacity : volume.allocation;
  return true;
}

COP_REMOTE_HANDLES (storage_vol_get_path, StorageVolGetPath)
{
  ret->name = g_strdup (args->vol.key);
  return true;
}

COP_REMOTE_HANDLES (storage_vol_get_xml_desc, StorageVolGetXmlDesc)
{
  Volume volume;

  if (!cop_remote_check_flags (args->flags, 0, error) ||
      !begin (call, args->vol.key, &volume, error))
    return false;
  ret->xml = g_markup_printf_escaped (
    "<volume type='%s'>\n  <name>%s</name>\n  <key>%s</key>\n"
    "  <capacity unit='bytes'>%" G_GUINT64_FORMAT "</capacity>\n"
    "  <allocation unit='bytes'>%" G_GUINT64_FORMAT "</allocation>\n"
    "  <target>\n    <path>%s</path>\n    <format type='%s'/>\n  </target>\n</volume>\n",
    volume.type == VOLUME_BLOCK ? "block" : "file", args->vol.name, args->vol.key,
    (guint64) volume.capacity, (guint64) volume.allocation, args->vol.key,
    format_of (args->vol.key));
  return true;
}

/* Pools ---------------------------------------------------------------------------------------- */

/* None is there to be listed. */
COP_REMOTE_HANDLES (connect_num_of_storage_pools, ConnectNumOfStoragePools)
{
  return true;
}

COP_REMOTE_HANDLES (connect_list_storage_pools, ConnectListStoragePools)
{
  return true;
}

COP_REMOTE_HANDLES (connect_num_of_defined_storage_pools, ConnectNumOfDefinedStoragePools)
{
  return true;
}

COP_REMOTE_HANDLES (connect_list_defined_storage_pools, ConnectListDefinedStoragePools)
{
  return true;
}

COP_REMOTE_HANDLES (connect_list_all_storage_pools, ConnectListAllStoragePools)
{
  return true;
}

COP_REMOTE_HANDLES (storage_pool_lookup_by_name, StoragePoolLookupByName)
{
  return cop_driver_fail (error, COP_DRIVER_ERROR_NO_STORAGE_POOL,
                          _ ("no storage pool with matching name '%s'"), args->name);
}

COP_REMOTE_HANDLES (storage_pool_lookup_by_volume, StoragePoolLookupByVolume)
{
  g_autofree char *folder = g_path_get_dirname (args->vol.key);

  set_pool (&ret->pool, folder);
  return true;
}

/* Room in the folder that is a pool. */
static bool
measure (CopServerCall *call, const char *folder, uint64_t *capacity, uint64_t *available,
         GError **error)
{
  struct statvfs status;

  if (!cop_server_call_forbid_read_only (call, error))
    return false;
  if (!g_path_is_absolute (folder) || statvfs (folder, &status) < 0)
    return cop_driver_fail (error, COP_DRIVER_ERROR_NO_STORAGE_POOL,
                            _ ("no storage pool with matching name '%s'"), folder);
  *capacity = (uint64_t) status.f_blocks * status.f_frsize;
  *available = (uint64_t) status.f_bavail * status.f_frsize;
  return true;
}

COP_REMOTE_HANDLES (storage_pool_get_info, StoragePoolGetInfo)
{
  uint64_t capacity, available;

  if (!measure (call, args->pool.name, &capacity, &available, error))
    return false;
  ret->state = POOL_RUNNING;
  ret->capacity = capacity;
  ret->allocation = capacity - available;
  ret->available = available;
  return true;
}

COP_REMOTE_HANDLES (storage_pool_get_xml_desc, StoragePoolGetXmlDesc)
{
  uint64_t capacity, available;
  char uuid[37];

  /* libvirt's VIR_STORAGE_XML_INACTIVE: the same */
  if (!cop_remote_check_flags (args->flags, 1, error) ||
      !measure (call, args->pool.name, &capacity, &available, error))
    return false;
  cop_uuid_format (args->pool.uuid, uuid);
  ret->xml = g_markup_printf_escaped (
    "<pool type='dir'>\n  <name>%s</name>\n  <uuid>%s</uuid>\n"
    "  <capacity unit='bytes'>%" G_GUINT64_FORMAT "</capacity>\n"
    "  <allocation unit='bytes'>%" G_GUINT64_FORMAT "</allocation>\n"
    "  <available unit='bytes'>%" G_GUINT64_FORMAT "</available>\n"
    "  <source>\n  </source>\n  <target>\n    <path>%s</path>\n  </target>\n</pool>\n",
    args->pool.name, uuid, (guint64) capacity, (guint64) (capacity - available),
    (guint64) available, args->pool.name);
  return true;
}

COP_REMOTE_HANDLES (storage_pool_is_active, StoragePoolIsActive)
{
  ret->active = true;
  return true;
}

COP_REMOTE_HANDLES (storage_pool_is_persistent, StoragePoolIsPersistent)
{
  return true; /* it is not */
}

/* clang-format off */
const CopHandler cop_remote_storage_handlers[] = {
  COP_REMOTE_HANDLER (STORAGE_VOL_LOOKUP_BY_PATH, StorageVolLookupByPath, storage_vol_lookup_by_path),
  COP_REMOTE_HANDLER (STORAGE_VOL_LOOKUP_BY_KEY, StorageVolLookupByKey, storage_vol_lookup_by_key),
  COP_REMOTE_HANDLER (STORAGE_VOL_LOOKUP_BY_NAME, StorageVolLookupByName, storage_vol_lookup_by_name),
  COP_REMOTE_HANDLER (STORAGE_VOL_GET_INFO, StorageVolGetInfo, storage_vol_get_info),
  COP_REMOTE_HANDLER (STORAGE_VOL_GET_INFO_FLAGS, StorageVolGetInfoFlags, storage_vol_get_info_flags),
  COP_REMOTE_HANDLER (STORAGE_VOL_GET_PATH, StorageVolGetPath, storage_vol_get_path),
  COP_REMOTE_HANDLER (STORAGE_VOL_GET_XML_DESC, StorageVolGetXmlDesc, storage_vol_get_xml_desc),
  COP_REMOTE_HANDLER (CONNECT_NUM_OF_STORAGE_POOLS, ConnectNumOfStoragePools, connect_num_of_storage_pools),
  COP_REMOTE_HANDLER (CONNECT_LIST_STORAGE_POOLS, ConnectListStoragePools, connect_list_storage_pools),
  COP_REMOTE_HANDLER (CONNECT_NUM_OF_DEFINED_STORAGE_POOLS, ConnectNumOfDefinedStoragePools, connect_num_of_defined_storage_pools),
  COP_REMOTE_HANDLER (CONNECT_LIST_DEFINED_STORAGE_POOLS, ConnectListDefinedStoragePools, connect_list_defined_storage_pools),
  COP_REMOTE_HANDLER (CONNECT_LIST_ALL_STORAGE_POOLS, ConnectListAllStoragePools, connect_list_all_storage_pools),
  COP_REMOTE_HANDLER (STORAGE_POOL_LOOKUP_BY_NAME, StoragePoolLookupByName, storage_pool_lookup_by_name),
  COP_REMOTE_HANDLER (STORAGE_POOL_LOOKUP_BY_VOLUME, StoragePoolLookupByVolume, storage_pool_lookup_by_volume),
  COP_REMOTE_HANDLER (STORAGE_POOL_GET_INFO, StoragePoolGetInfo, storage_pool_get_info),
  COP_REMOTE_HANDLER (STORAGE_POOL_GET_XML_DESC, StoragePoolGetXmlDesc, storage_pool_get_xml_desc),
  COP_REMOTE_HANDLER (STORAGE_POOL_IS_ACTIVE, StoragePoolIsActive, storage_pool_is_active),
  COP_REMOTE_HANDLER (STORAGE_POOL_IS_PERSISTENT, StoragePoolIsPersistent, storage_pool_is_persistent),
  { 0 },
};
/* clang-format on */
