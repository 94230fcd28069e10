/* A Vulkan driver in front of DRIVER: its GPU has the number DEVICE_ID, and is lost at the next submission where the file
   LOSE_FILE exists. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*Function)(void);
typedef Function (*Lookup)(void *object, const char *name);
typedef int (*Submit)(void *queue, uint32_t count, const void *submits, uint64_t fence);
typedef void (*Properties)(void *device, uint32_t *properties);
typedef int (*Negotiate)(uint32_t *version);

static const int deviceLost = -4; /* VK_ERROR_DEVICE_LOST */
static Submit submitOfDriver;
static Properties propertiesOfDriver, properties2OfDriver;
static Lookup deviceLookupOfDriver;

static void *inDriver(const char *name) {
  static void *driver;
  if (!driver) driver = dlopen(DRIVER, RTLD_NOW);
  return driver ? dlsym(driver, name) : 0;
}

static int submit(void *queue, uint32_t count, const void *submits, uint64_t fence) {
  if (access(LOSE_FILE, F_OK) == 0) return deviceLost;
  return submitOfDriver(queue, count, submits, fence);
}

/* Of VkPhysicalDeviceProperties: apiVersion, driverVersion, vendorID, deviceID. In VkPhysicalDeviceProperties2 sType and
   pNext stand before it. */
static void properties(void *device, uint32_t *properties) {
  propertiesOfDriver(device, properties);
  properties[3] = DEVICE_ID;
}

static void properties2(void *device, uint32_t *properties) {
  properties2OfDriver(device, properties);
  properties[4 + 3] = DEVICE_ID;
}

static Function replaced(Function found, const char *name);

static Function lookUpInDevice(void *device, const char *name) {
  return replaced(deviceLookupOfDriver(device, name), name);
}

static Function replaced(Function found, const char *name) {
  if (found && !strcmp(name, "vkGetPhysicalDeviceProperties")) {
    propertiesOfDriver = (Properties)found;
    return (Function)properties;
  }
  if (found && !strncmp(name, "vkGetPhysicalDeviceProperties2", 30)) {
    properties2OfDriver = (Properties)found;
    return (Function)properties2;
  }
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
