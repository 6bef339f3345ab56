/** Who somebody is, by a JSON Web Token. JWT_SECRET is the key; without it there is a new one for each run. */
import { randomBytes } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'

export interface User {
  readonly id: string
  readonly name: string
  readonly email: string
}

const secret = new TextEncoder().encode(process.env.JWT_SECRET ?? randomBytes(32).toString('hex'))

/** An example has no login: these are its users. */
const USERS: readonly User[] = ['ann', 'bob', 'admin'].map((name, index) => ({
  id: `${index + 1}`,
  name,
  email: `${name}@example.com`,
}))

/** Null: there is no token, or none of ours, or it has expired. */
export async function userOf(token: string | undefined): Promise<User | null> {
  if (token === undefined || token === '') return null
  try {
    const { payload } = await jwtVerify(token, secret, { algorithms: ['HS256'] })
    return USERS.find(({ id }) => id === payload.sub) ?? null
  } catch {
    return null
  }
}

/** As `userOf`, for the value of an `Authorization` header. */
export function userOfHeader(authorization: string | undefined): Promise<User | null> {
  return userOf(authorization?.replace(/^Bearer /, ''))
}

/** As `userOfHeader`, for what only the administrator may do. */
export async function isAdmin(authorization: string | undefined): Promise<boolean> {
  return (await userOfHeader(authorization))?.name === 'admin'
}

/** Prints a token of each user, for trying the example. */
export async function printTokens(): Promise<void> {
  for (const { id, name } of USERS) {
    const claims = new SignJWT().setProtectedHeader({ alg: 'HS256' }).setSubject(id)
    console.log(`token of ${name}: ${await claims.setExpirationTime('1h').sign(secret)}`)
  }
}
