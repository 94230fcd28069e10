export { seeded } from '../../web/app/vision/seeded.ts'
