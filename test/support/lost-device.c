/* A Vulkan driver in front of another one: where the file LOSE_FILE exists, its device is lost at the next submission. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*Function)(void);
typedef Function (*Lookup)(void *object, const char *name);
typedef int (*Submit)(void *queue, uint32_t count, const void *submits, uint64_t fence);
typedef int (*Negotiate)(uint32_t *version);

static const int deviceLost = -4; /* VK_ERROR_DEVICE_LOST */
static Submit submitOfDriver;
static Lookup deviceLookupOfDriver;

static void *inDriver(const char *name) {
  static void *driver;
  if (!driver) driver = dlopen(getenv("LOSE_DRIVER"), RTLD_NOW);
  return driver ? dlsym(driver, name) : 0;
}

static int submit(void *queue, uint32_t count, const void *submits, uint64_t fence) {
  if (access(getenv("LOSE_FILE"), F_OK) == 0) return deviceLost;
  return submitOfDriver(queue, count, submits, fence);
}

static Function replaced(Function found, const char *name);

static Function lookUpInDevice(void *device, const char *name) {
  return replaced(deviceLookupOfDriver(device, name), name);
}

static Function replaced(Function found, const char *name) {
  if (found && !strcmp(name, "vkQueueSubmit")) {
    submitOfDriver = (Submit)found;
    return (Function)submit;
  }
  if (found && !strcmp(name, "vkGetDeviceProcAddr")) {
    deviceLookupOfDriver = (Lookup)found;
    return (Function)lookUpInDevice;
  }
  return found;
}

Function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
  return replaced(((Lookup)inDriver("vk_icdGetInstanceProcAddr"))(instance, name), name);
}

Function vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
  Lookup lookup = (Lookup)inDriver("vk_icdGetPhysicalDeviceProcAddr");
  return lookup ? lookup(instance, name) : 0;
}

int vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
  return ((Negotiate)inDriver("vk_icdNegotiateLoaderICDInterfaceVersion"))(version);
}
